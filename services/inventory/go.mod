module orderflow.example/inventory

go 1.26.0

require (
	orderflow.example/kit v0.1.0
	orderflow.example/proto v0.1.0
	orderflow.example/schemas v0.1.0
)
