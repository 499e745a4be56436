module orderflow.example/tools

go 1.26.0

require golang.org/x/mod v0.30.0

// Until the first versions are published, nothing can be fetched for the versions that the modules of this workspace
// pin of each other. In workspace mode an exclude of any module drops those edges, so that a plain `go build` asks no
// proxy for them; with GOWORK=off this file is not read and the pins hold (docs/adr/0002).
exclude (
	orderflow.example/dev v0.1.0
	orderflow.example/inventory v0.1.0
	orderflow.example/kit v0.1.0
	orderflow.example/notifier v0.1.0
	orderflow.example/order v0.1.0
	orderflow.example/payment v0.1.0
	orderflow.example/proto v0.1.0
	orderflow.example/schemas v0.1.0
)
