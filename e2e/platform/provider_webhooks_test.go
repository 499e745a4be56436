package platform

import (
	"testing"
	"time"

	"orderflow.example/dev/platform"
	"orderflow.example/dev/simulator"
)

// The payment provider's webhooks come twice, late, in any order and beside forged ones, while it loses answers and declines:
// each is judged once, all agree, none that is forged is kept, and the money is where it would be without them.
func TestWebhooksOfTheProviderGoWrong(t *testing.T) {
	r := start(t, platform.Config{Variables: map[string]string{"WEBHOOK_SECRET": secret}})
	r.Provider.SetWebhookFaults(simulator.WebhookFaults{Duplicate: true, Forge: true, Scatter: 700 * time.Millisecond})
	r.sell("p1", 1200, 100)
	for _, token := range []string{"", "tok_lost_answer", "tok_capture_lost_answer", "tok_declined", "tok_capture_declined", "tok_500_then_ok", ""} {
		r.place("u123", token, `[{"productId":"p1","quantity":1}]`)
	}
	count := func(condition string) (n int) {
		if err := r.Services["payment"].DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM notices WHERE "+condition).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const operations = 7 + 6 + 1 // authorisations, captures of those that were not declined, and a void
	r.eventually("every operation is told and agrees", func() bool {
		untold, _ := r.Provider.UntoldWebhooks()
		return untold == 0 && count("standing = 'AGREES'") == operations
	})
	if all := count("1 = 1"); all != operations {
		t.Errorf("%d events are kept", all)
	}
	if _, refused := r.Provider.UntoldWebhooks(); refused < operations {
		t.Errorf("%d forged webhooks were refused", refused)
	}
	r.mustHold()
}
