module orderflow.example/tools

go 1.26.0

require golang.org/x/mod v0.30.0

require (
	buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go v1.36.12-20260825204119-511051f7f437.1
	github.com/getkin/kin-openapi v0.135.0
	go.yaml.in/yaml/v3 v3.0.5
	google.golang.org/genproto/googleapis/api v0.0.0-20261012220534-4341edf3f941
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/go-openapi/jsonpointer v0.21.0 // indirect
	github.com/go-openapi/swag v0.23.0 // indirect
	github.com/josharian/intern v1.0.0 // indirect
	github.com/mailru/easyjson v0.7.7 // indirect
	github.com/mohae/deepcopy v0.0.0-20170929034955-c48cc78d4826 // indirect
	github.com/oasdiff/yaml v0.0.9 // indirect
	github.com/oasdiff/yaml3 v0.0.9 // indirect
	github.com/perimeterx/marshmallow v1.1.5 // indirect
	github.com/woodsbury/decimal128 v1.3.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

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
