module orderflow.example/e2e

go 1.26.0

require (
	orderflow.example/dev v0.1.0
	orderflow.example/inventory v0.1.0
	orderflow.example/kit v0.1.0
	orderflow.example/notifier v0.1.0
	orderflow.example/order v0.1.0
	orderflow.example/payment v0.1.0
	orderflow.example/proto v0.1.0
	orderflow.example/schemas v0.1.0
)

require (
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
	pgregory.net/rapid v1.3.0
)
