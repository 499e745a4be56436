package app_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"orderflow.example/payment/app"
	"orderflow.example/payment/internal/provider/providertest"
)

// run runs one of the service's own commands as an operator would.
func (r *rig) run(args ...string) (string, error) {
	r.Helper()
	r.Setenv("DATABASE_URL", r.Config.DatabaseURL)
	root := &cobra.Command{Use: "payment", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(app.Commands()...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(r.Context())
	return out.String(), err
}

func TestOperatorsCommands(t *testing.T) {
	each(t, func(r *rig) {
		r.request("o1")
		r.provider.Behave = func(c providertest.Call) providertest.Mode {
			if c.Kind == "void" && !strings.Contains(c.Key, "#") {
				return providertest.Decline
			}
			return providertest.OK
		}
		r.cancel("o1")
		if out, err := r.run("operations", "list"); err != nil || !strings.Contains(out, "void_declined") || !strings.Contains(out, "o1") {
			t.Errorf("%s, %v", out, err)
		}
		out, err := r.run("operations", "list", "--json")
		var shown map[string]any
		if err != nil || json.Unmarshal([]byte(out), &shown) != nil || shown["refused"] != "void_declined" || shown["held"] != float64(2250) {
			t.Errorf("%s, %v", out, err)
		}
		if out, err := r.run("operations", "retry", "o1"); err != nil || !strings.Contains(out, "new key") {
			t.Errorf("%s, %v", out, err)
		}
		r.work()
		r.check()
		if out, err := r.run("operations", "retry", "o1"); err == nil {
			t.Errorf("a payment at rest: %s", out)
		}

		wrong := r.hook("e1", "payment.captured", "o1", "capture", 2250)
		if status, _ := r.send(wrong); status != 204 {
			t.Fatal(status)
		}
		if out, err := r.run("webhooks", "list"); err != nil || !strings.Contains(out, "e1") || !strings.Contains(out, "not_asked_for") {
			t.Errorf("%s, %v", out, err)
		}
		if out, err := r.run("webhooks", "dismiss", "simulator", "e1"); err != nil || !strings.Contains(out, "dismissed") {
			t.Errorf("%s, %v", out, err)
		}
		if out, err := r.run("webhooks", "list", "--standing", "dismissed", "--json"); err != nil || !strings.Contains(out, `"eventId":"e1"`) {
			t.Errorf("%s, %v", out, err)
		}
		for _, bad := range [][]string{
			{"webhooks", "dismiss", "simulator", "e1"}, {"webhooks", "list", "--standing", "odd"}, {"operations", "retry"}, {"reconcile", "--since", "soon"}, {"operations", "retry", "unknown"},
			{"webhooks", "list", "--limit", "0"}, {"webhooks", "list", "--limit", "-1"}, {"operations", "list", "--limit", "0"},
		} {
			if out, err := r.run(bad...); err == nil {
				t.Errorf("%v: %s", bad, out)
			}
		}
	})
}

func TestReconcileOfTheFuture(t *testing.T) {
	r := start(t)
	if out, err := r.run("reconcile", "--since", "2999-01-01T00:00:00Z"); err == nil || !strings.Contains(err.Error(), "must not be in the future") {
		t.Errorf("%s, %v", out, err)
	}
}
