module orderflow.example/bench

go 1.26.0

require (
	orderflow.example/dev v0.1.0
	orderflow.example/kit v0.1.0
	orderflow.example/proto v0.1.0
)
