module orderflow.example/payment

go 1.26.0

require (
	orderflow.example/kit v0.1.0
	orderflow.example/proto v0.1.0
	orderflow.example/schemas v0.1.0
	pgregory.net/rapid v1.3.0
	github.com/prometheus/client_golang v1.25.0
	github.com/sony/gobreaker/v2 v2.4.0
)
