package app_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/payment/app"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

// Each bad call gets the right code, and a body that names the field and the rule.
func TestBadCalls(t *testing.T) {
	r := start(t)
	for i := range 3 {
		r.request(fmt.Sprint("o", i))
	}
	staff := r.as("s1", "staff")
	first, err := r.ListPayments(staff, &paymentv1.ListPaymentsRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := r.ListLedgerEntries(staff, &paymentv1.ListLedgerEntriesRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	get := func(id string) func() error {
		return func() error {
			_, err := r.GetPayment(staff, &paymentv1.GetPaymentRequest{PaymentId: id})
			return err
		}
	}
	list := func(request *paymentv1.ListPaymentsRequest) func() error {
		return func() error { _, err := r.ListPayments(staff, request); return err }
	}
	ledger := func(request *paymentv1.ListLedgerEntriesRequest) func() error {
		return func() error { _, err := r.ListLedgerEntries(staff, request); return err }
	}
	cases := map[string]struct {
		call  func() error
		code  codes.Code
		names []string // what the message or the details must name
	}{
		"unknown payment":     {get("none"), codes.NotFound, []string{"PAYMENT_NOT_FOUND", "none"}},
		"malformed id":        {get("a b"), codes.InvalidArgument, []string{"paymentId", "STRING_PATTERN"}},
		"no id":               {get(""), codes.InvalidArgument, []string{"paymentId"}},
		"page of 101":         {list(&paymentv1.ListPaymentsRequest{PageSize: 101}), codes.InvalidArgument, []string{"pageSize"}},
		"negative page":       {list(&paymentv1.ListPaymentsRequest{PageSize: -1}), codes.InvalidArgument, []string{"pageSize"}},
		"unknown status":      {list(&paymentv1.ListPaymentsRequest{Status: 99}), codes.InvalidArgument, []string{"status", "ENUM_DEFINED_ONLY"}},
		"malformed order":     {list(&paymentv1.ListPaymentsRequest{OrderId: "a/b"}), codes.InvalidArgument, []string{"orderId"}},
		"made-up page token":  {list(&paymentv1.ListPaymentsRequest{PageToken: "abc"}), codes.InvalidArgument, []string{"pageToken", "PAGE_TOKEN"}},
		"token, other filter": {list(&paymentv1.ListPaymentsRequest{PageToken: first.GetNextPageToken(), OrderId: "o1"}), codes.InvalidArgument, []string{"pageToken", "filters"}},
		"token, other status": {list(&paymentv1.ListPaymentsRequest{PageToken: first.GetNextPageToken(), Status: 1}), codes.InvalidArgument, []string{"pageToken"}},
		"ledger page of 101":  {ledger(&paymentv1.ListLedgerEntriesRequest{PageSize: 101}), codes.InvalidArgument, []string{"pageSize"}},
		"ledger, bad token":   {ledger(&paymentv1.ListLedgerEntriesRequest{PageToken: "abc"}), codes.InvalidArgument, []string{"pageToken"}},
		"ledger, other order": {ledger(&paymentv1.ListLedgerEntriesRequest{PageToken: entries.GetNextPageToken(), OrderId: "o1"}), codes.InvalidArgument, []string{"filters"}},
		"a customer": {func() error {
			_, err := r.ListPayments(r.as("u1"), &paymentv1.ListPaymentsRequest{})
			return err
		}, codes.PermissionDenied, []string{"staff"}},
		"a customer looks at the ledger": {func() error {
			_, err := r.ListLedgerEntries(r.as("u1", "catalogue"), &paymentv1.ListLedgerEntriesRequest{})
			return err
		}, codes.PermissionDenied, []string{"auditor"}},
		"no token": {func() error {
			_, err := r.ListPayments(t.Context(), &paymentv1.ListPaymentsRequest{})
			return err
		}, codes.Unauthenticated, []string{"TOKEN_MISSING"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.call()
			if status.Code(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			text := status.Convert(err).Message()
			for _, detail := range status.Convert(err).Details() {
				switch d := detail.(type) {
				case *errdetails.BadRequest:
					text += fmt.Sprint(d.GetFieldViolations())
				case *errdetails.ErrorInfo:
					text += d.GetReason() + fmt.Sprint(d.GetMetadata())
				}
			}
			for _, want := range c.names {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not name %q", text, want)
				}
			}
		})
	}
}

func TestOverREST(t *testing.T) {
	r := start(t)
	r.request("o1")
	token := r.issuer.Token("s1", "staff")
	code, answer := r.rest("/v1/payments?orderId=o1", token)
	if code != 200 || answer["totalSize"] != float64(1) {
		t.Fatalf("%d: %v", code, answer)
	}
	p := answer["payments"].([]any)[0].(map[string]any)
	if code, got := r.rest(fmt.Sprint("/v1/payments/", p["id"]), token); code != 200 || got["status"] != "AUTHORIZED" || got["authorizedAmount"] != "2250" {
		t.Errorf("%d: %v", code, got)
	}
	if code, got := r.rest("/v1/ledgerEntries", token); code != 200 || got["totalSize"] != float64(2) {
		t.Errorf("%d: %v", code, got)
	}
	for path, want := range map[string]struct {
		code  int
		names string
	}{
		"/v1/payments/none":           {404, "NOT_FOUND"},
		"/v1/payments?pageSize=101":   {400, "pageSize"},
		"/v1/payments?status=PERHAPS": {400, "INVALID_ARGUMENT"},
	} {
		if code, got := r.rest(path, token); code != want.code || !strings.Contains(fmt.Sprint(got["error"]), want.names) {
			t.Errorf("%s: %d, %v", path, code, got)
		}
	}
	if code, _ := r.rest("/v1/payments", r.issuer.Token("u1")); code != 403 {
		t.Errorf("a customer: %d", code)
	}
}

func TestBadConfiguration(t *testing.T) {
	for want, change := range map[string]func(*app.Config){
		"PAYMENT_PROVIDER_URL":         func(cfg *app.Config) { cfg.ProviderURL = "localhost" },
		"PAYMENT_PROVIDER_TIMEOUT":     func(cfg *app.Config) { cfg.ProviderTimeout = -1 },
		"PAYMENT_PROVIDER_CONCURRENCY": func(cfg *app.Config) { cfg.ProviderConcurrency = -1 },
		"PAYMENT_BREAKER_PAUSE":        func(cfg *app.Config) { cfg.BreakerPause = -1 },
		"PAYMENT_PROVIDER=":            func(cfg *app.Config) { cfg.Provider = "acme" },
		"STRIPE_API_KEY":               func(cfg *app.Config) { cfg.Provider = "stripe" },
		"STRIPE_API_URL": func(cfg *app.Config) {
			cfg.Provider, cfg.StripeKey, cfg.StripeURL = "stripe", "sk_test_hidden", "nowhere"
		},
		`PAYMENT_PROVIDER_URL="ftp://xxxxx@host"`: func(cfg *app.Config) { cfg.ProviderURL = "ftp://hidden:hidden@host" },
		`PAYMENT_PROVIDER_URL="…"`:                func(cfg *app.Config) { cfg.ProviderURL = "http://hidden:%zz@host" },
		`STRIPE_API_URL="http://xxxxx@host"`: func(cfg *app.Config) {
			cfg.Provider, cfg.StripeKey, cfg.StripeURL = "stripe", "sk_test_hidden", "http://hidden:hidden@host"
		},
		"STRIPE_WEBHOOK_SECRET": func(cfg *app.Config) {
			cfg.Provider, cfg.StripeKey, cfg.StripeWebhookSecrets = "stripe", "sk_test_hidden", []string{"hidden"}
		},
		"DATABASE_URL": func(cfg *app.Config) { cfg.DatabaseURL = "mysql://x" },
	} {
		cfg := config(t)
		cfg.Auth.Mode = "none"
		change(&cfg)
		if _, err := app.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
