package command

import (
	"io"
	"text/template"

	"orderflow.example/dev/platform"
)

var guide = template.Must(template.New("guide").Parse(`             REST                    gRPC             admin
{{range .Rows}}{{printf "%-12s http://%-16s %-16s http://%s" .Name .REST .GRPC .Admin}}
{{end}}
Kafka {{.A.Kafka}}   schema registry {{.A.Registry}}   tokens {{.A.Issuer}}
payment provider {{.A.Provider}}   mails {{.A.Mails}}/messages   webhooks {{.A.Webhooks}}/messages
state and log in {{.Data}}

Tokens (more by: go run ./dev token{{.Flags}} --user U --role R):
  export TOKEN={{.Customer}}
  export STAFF={{.Staff}}

Place an order, see it paid, see what happened:
  curl -s -X POST {{.Order}}/v1/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"userId":"u123","items":[{"productId":"p1","quantity":2}]}'
  curl -s {{.Order}}/v1/orders/ORDER_ID -H "Authorization: Bearer $TOKEN"
  curl -s {{.Order}}/v1/orders/ORDER_ID/timeline -H "Authorization: Bearer $TOKEN"
  curl -N {{.Order}}/v1/orders/ORDER_ID:watch -H "Authorization: Bearer $TOKEN"
  grpcurl -plaintext {{.GRPC}} list

In a browser: {{.Order}}/docs, the API with examples; {{.Order}}/docs/events, every topic and event

Verify the invariants: go run ./dev check{{.Flags}}          Stop: Ctrl-C
`))

type row struct{ Name, REST, GRPC, Admin string }

// printGuide shows where everything is, and commands to paste.
func printGuide(out io.Writer, p *platform.Platform, o *options) error {
	customer, err := platform.Token(p.Issuer.Signer, "u123")
	if err != nil {
		return err
	}
	staff, err := platform.Token(p.Issuer.Signer, "staff1", "staff", "catalogue")
	if err != nil {
		return err
	}
	var rows []row
	for _, name := range platform.Services {
		a := p.Addresses.ByService[name]
		rows = append(rows, row{name, a.REST, a.GRPC, a.Admin})
	}
	order := p.Addresses.ByService["order"]
	return guide.Execute(out, map[string]any{
		"Rows": rows, "A": p.Addresses, "Data": o.data, "Flags": o.given(), "Customer": customer, "Staff": staff,
		"Order": "http://" + order.REST, "GRPC": order.GRPC,
	})
}
