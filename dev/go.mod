module orderflow.example/dev

go 1.26.0

require (
	orderflow.example/inventory v0.1.0
	orderflow.example/kit v0.1.0
	orderflow.example/notifier v0.1.0
	orderflow.example/order v0.1.0
	orderflow.example/payment v0.1.0
	orderflow.example/proto v0.1.0
	orderflow.example/schemas v0.1.0
)

require (
	github.com/coreos/go-oidc/v3 v3.21.0
	github.com/confluentinc/confluent-kafka-go/v2 v2.14.0
	github.com/emersion/go-smtp v0.24.0
	github.com/go-jose/go-jose/v4 v4.1.4
	github.com/hamba/avro/v2 v2.31.0
	github.com/riferrei/srclient v0.7.3
	github.com/twmb/franz-go v1.22.2
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
	github.com/twmb/franz-go/pkg/sr v1.8.0
	go.uber.org/goleak v1.3.0
)
