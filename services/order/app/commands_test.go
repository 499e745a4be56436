package app_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// run runs one of the service's own commands as an operator would.
func (r *rig) run(url string, args ...string) (string, error) {
	r.Helper()
	r.Setenv("DATABASE_URL", url)
	root := &cobra.Command{Use: "order", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(app.Commands()...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(r.Context())
	return out.String(), err
}

func TestRebuildOfTheSummary(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		r.order("u1")
		r.order("u2")
		if _, err := r.DB.ExecContext(t.Context(), "UPDATE order_summary SET pending = pending + 7 WHERE user_id = 'u1'"); err != nil {
			t.Fatal(err)
		}
		if out, err := r.run(r.cfg.DatabaseURL, "summary", "rebuild"); err != nil || !strings.Contains(out, "2 rows") {
			t.Errorf("%s, %v", out, err)
		}
		if total := r.summary(&orderv1.GetOrderSummaryRequest{}, "u1").GetTotal(); total.GetPendingOrders() != 1 {
			t.Errorf("%v", total)
		}
		if out, err := r.run(r.cfg.DatabaseURL, "summary", "rebuild", "--json"); err != nil || strings.TrimSpace(out) != `{"rows":2}` {
			t.Errorf("%s, %v", out, err)
		}
		r.check()
		for url, says := range map[string]string{"": "DATABASE_URL is required", "odd:": "DATABASE_URL"} {
			if out, err := r.run(url, "summary", "rebuild"); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: %s, %v", url, out, err)
			}
		}
		if out, err := r.run(r.cfg.DatabaseURL, "summary", "rebuild", "all"); err == nil {
			t.Errorf("an argument: %s", out)
		}
	})
}
