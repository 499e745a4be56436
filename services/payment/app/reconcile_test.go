package app_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/app"
	"orderflow.example/payment/internal/provider/providertest"
	"orderflow.example/payment/internal/reconcile"
)

// reconcile returns what differs, in short, and the summary.
func (r *rig) reconcile(since time.Time) (found []string, summary reconcile.Summary) {
	r.Helper()
	cfg := config(r.T)
	cfg.DatabaseURL, cfg.ProviderURL = r.Config.DatabaseURL, r.provider.URL
	err := app.Reconcile(r.Context(), cfg, since, func(line any) error {
		switch l := line.(type) {
		case reconcile.Difference:
			if l.Reference == "" || l.Currency == "" {
				r.Errorf("%+v", l)
			}
			found = append(found, fmt.Sprintf("%s of %s: %s, %s", l.Kind, l.OrderID, l.Ours, l.Theirs))
		case reconcile.Summary:
			summary = l
		}
		return nil
	})
	if (err != nil) != (len(found) > 0) {
		r.Errorf("%d differences and the error %v", len(found), err)
	}
	slices.Sort(found)
	return found, summary
}

// exec changes the database behind the service's back.
func (r *rig) exec(statement string) {
	r.Helper()
	err := r.DB.InTx(r.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

// Each kind of difference, made on purpose.
func TestReconcileFindsEachDifference(t *testing.T) {
	each(t, func(r *rig) {
		r.provider.PageSize = 2
		for _, id := range []string{"o1", "o2", "o3", "o4", "o5"} {
			r.request(id)
			r.capture(id)
		}
		r.request("held")
		r.refund("o5", "r1", 250)
		r.request("voided")
		r.cancel("voided")
		r.cancel("tombstone")
		r.provider.Behave = func(providertest.Call) providertest.Mode { return providertest.Decline }
		r.request("declined")
		r.provider.Behave = nil
		if found, summary := r.reconcile(time.Time{}); len(found) != 0 || summary != (reconcile.Summary{Compared: 7}) {
			t.Fatalf("at rest: %q, %+v", found, summary)
		}
		at := func(order string) string { return r.find(order).GetProviderReference() }
		nothing := "authorized 2250, captured 2250, voided 0, refunded 0"
		for name, c := range map[string]struct {
			make, undo func()
			want       []string
		}{
			"missing there": {
				func() { r.provider.Remove(at("o1")) },
				func() {
					r.provider.Add(providertest.Payment{ID: at("o1"), Reference: "o1", Status: "captured", Currency: "KRW", Amount: 2250, Captured: 2250})
				},
				[]string{"missing_there of o1: " + nothing + ", "},
			},
			"missing here": {
				func() {
					r.provider.Add(providertest.Payment{ID: "pay_x", Reference: "o-x", Status: "captured", Currency: "KRW", Amount: 2250, Captured: 2250})
				},
				func() { r.provider.Remove("pay_x") }, []string{"missing_here of o-x: , " + nothing},
			},
			"authorised twice": {
				func() {
					r.provider.Add(providertest.Payment{ID: "pay_y", Reference: "o1", Status: "captured", Currency: "KRW", Amount: 2250, Captured: 2250})
				},
				func() { r.provider.Remove("pay_y") }, []string{"missing_here of o1: reference " + at("o1") + ", " + nothing},
			},
			"status, voided": {
				func() {
					r.provider.Change(at("held"), func(p *providertest.Payment) { p.Status, p.Voided = "voided", 2250 })
				},
				func() {
					r.provider.Change(at("held"), func(p *providertest.Payment) { p.Status, p.Voided = "authorized", 0 })
				},
				[]string{"ledger_voided of held: 0, 2250", "status of held: AUTHORIZED, VOIDED", "voided of held: 0, 2250"},
			},
			"amount": {
				func() { r.provider.Change(at("held"), func(p *providertest.Payment) { p.Amount = 2251 }) },
				func() { r.provider.Change(at("held"), func(p *providertest.Payment) { p.Amount = 2250 }) },
				[]string{"authorized of held: 2250, 2251", "ledger_authorized of held: 2250, 2251"},
			},
			"currency": {
				func() { r.provider.Change(at("o2"), func(p *providertest.Payment) { p.Currency = "USD" }) },
				func() { r.provider.Change(at("o2"), func(p *providertest.Payment) { p.Currency = "KRW" }) },
				[]string{"currency of o2: KRW, USD"},
			},
			"captured": {
				func() { r.provider.Change(at("o3"), func(p *providertest.Payment) { p.Captured = 2000 }) },
				func() { r.provider.Change(at("o3"), func(p *providertest.Payment) { p.Captured = 2250 }) },
				[]string{"captured of o3: 2250, 2000", "ledger_captured of o3: 2250, 2000"},
			},
			"refunded": {
				func() { r.provider.Change(at("o5"), func(p *providertest.Payment) { p.Refunded = 500 }) },
				func() { r.provider.Change(at("o5"), func(p *providertest.Payment) { p.Refunded = 250 }) },
				[]string{"ledger_refunded of o5: 250, 500", "refunded of o5: 250, 500"},
			},
			"ledger alone": {
				func() {
					r.exec("UPDATE ledger SET amount = amount * 2 WHERE order_id = 'o4' AND operation = 'CAPTURE'")
				},
				func() {
					r.exec("UPDATE ledger SET amount = amount / 2 WHERE order_id = 'o4' AND operation = 'CAPTURE'")
				},
				[]string{"ledger_captured of o4: 4500, 2250"},
			},
		} {
			c.make()
			found, summary := r.reconcile(time.Time{})
			if !slices.Equal(found, c.want) || summary.Differences != len(c.want) || summary.InFlight != 0 {
				t.Errorf("%s: %q, %+v; want %q", name, found, summary, c.want)
			}
			c.undo()
		}
		if found, _ := r.reconcile(time.Time{}); len(found) != 0 {
			t.Errorf("undone: %q", found)
		}
	})
}

// What an operation under way is about to change is no difference, nor what another provider holds, nor what is older.
func TestReconcileTellsWhatIsUnderWayApart(t *testing.T) {
	each(t, func(r *rig) {
		r.request("o1")
		r.sayCapture("o1")
		r.provider.Change(r.find("o1").GetProviderReference(), func(p *providertest.Payment) { p.Status, p.Captured = "captured", 2250 })
		r.sayRequest("o2") // asked for, and the provider has it, but its answer was not stored
		r.provider.Add(providertest.Payment{ID: "pay_o2", Reference: "o2", Status: "authorized", Currency: "KRW", Amount: 2250})
		r.provider.Add(providertest.Payment{ID: "pay_foreign", Status: "authorized", Currency: "KRW", Amount: 1})
		if found, summary := r.reconcile(time.Time{}); len(found) != 0 || summary != (reconcile.Summary{InFlight: 2, Foreign: 1}) {
			t.Errorf("%q, %+v", found, summary)
		}
		r.exec("UPDATE payments SET provider = 'acme', desired = 'VOIDED', status = 'VOIDED' WHERE order_id = 'o2'")
		r.provider.Remove("pay_o2")
		if found, summary := r.reconcile(time.Time{}); len(found) != 0 || summary.Elsewhere != 1 {
			t.Errorf("%q, %+v", found, summary)
		}
		r.provider.Remove(r.find("o1").GetProviderReference())
		r.exec("UPDATE payments SET desired = 'AUTHORIZED' WHERE order_id = 'o1'")
		if found, _ := r.reconcile(time.Time{}); len(found) != 1 || !strings.HasPrefix(found[0], "missing_there of o1") {
			t.Errorf("%q", found)
		}
		if found, _ := r.reconcile(time.Now().Add(time.Hour)); len(found) != 0 {
			t.Errorf("later than all: %q", found)
		}
	})
}

// An operation counts as under way only while it is fresh: what stays in doubt for ever must not hide what the provider holds.
func TestReconcileShowsWhatStaysInDoubt(t *testing.T) {
	each(t, func(r *rig) {
		r.request("o1")
		r.request("o3")
		r.sayCapture("o1")
		r.provider.Change(r.find("o1").GetProviderReference(), func(p *providertest.Payment) { p.Status, p.Captured = "captured", 2250 })
		r.sayRequest("o2")
		r.provider.Add(providertest.Payment{ID: "pay_o2", Reference: "o2", Status: "authorized", Currency: "KRW", Amount: 2250})
		r.sayCapture("o3") // the provider has not made it either
		age := func(by time.Duration) {
			r.exec(fmt.Sprintf("UPDATE payments SET in_doubt = TRUE, updated_at = %d", time.Now().Add(-by).UnixMicro()))
		}
		age(14 * time.Minute)
		if found, summary := r.reconcile(time.Time{}); len(found) != 0 || summary != (reconcile.Summary{Compared: 1, InFlight: 2}) {
			t.Errorf("fresh: %q, %+v", found, summary)
		}
		age(16 * time.Minute)
		want := []string{
			"captured of o1: 0, 2250",
			"in_doubt of o2: authorized 0, captured 0, voided 0, refunded 0, authorized 2250, captured 0, voided 0, refunded 0",
			"ledger_captured of o1: 0, 2250",
			"status of o1: AUTHORIZED, CAPTURED",
		}
		if found, summary := r.reconcile(time.Time{}); !slices.Equal(found, want) || summary.InFlight != 0 {
			t.Errorf("stale: %q, %+v", found, summary)
		}
	})
}

// Who runs it by a timer can tell books that differ from books that could not be read.
func TestReconcileExitCodes(t *testing.T) {
	r := start(t)
	r.request("o1")
	run := func(url string) int {
		cfg := config(t)
		cfg.DatabaseURL, cfg.ProviderURL = r.Config.DatabaseURL, url
		return app.ExitCode(app.Reconcile(t.Context(), cfg, time.Time{}, func(any) error { return nil }))
	}
	if got := run(r.provider.URL); got != 0 {
		t.Errorf("alike: %d", got)
	}
	if got := run("http://127.0.0.1:1"); got != 2 {
		t.Errorf("nobody listens: %d", got)
	}
	if got := run("nowhere"); got != 1 {
		t.Errorf("badly configured: %d", got)
	}
	r.provider.Change(r.find("o1").GetProviderReference(), func(p *providertest.Payment) { p.Amount++ })
	if got := run(r.provider.URL); got != 1 {
		t.Errorf("different: %d", got)
	}
}
