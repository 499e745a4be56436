package store_test

import (
	"context"
	"strings"
	"testing"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
)

// a variety of payments: one in each state, and one that was never answered.
func (f *fixture) variety() {
	f.Helper()
	f.captured("paid")
	f.requestRefund("paid", "r1", 250)
	f.settle("paid", payment.Succeeded)
	f.requestRefund("paid", "r2", 9999)
	f.captured("returned")
	f.cancel("returned")
	f.settle("returned", payment.Succeeded)
	f.request("declined")
	f.settle("declined", payment.Refused)
	f.cancel("tombstone")
	f.request("held")
	f.settle("held", payment.Succeeded)
}

func TestChecksFindWhatIsBroken(t *testing.T) {
	each(t, func(f *fixture) {
		f.variety()
		if broken := f.violations(); len(broken) > 0 {
			t.Fatal(broken)
		}
		const fold, journals, ledger, wanted = "payments equal the fold of their events", "every ledger journal adds up to 0",
			"the ledger holds what the payments say", "every payment is where it is wanted"
		for _, c := range []struct {
			breaks, mends string
			want          map[string]string
		}{
			{"UPDATE payments SET status = 'VOIDED' WHERE order_id = 'declined'", "UPDATE payments SET status = 'DECLINED' WHERE order_id = 'declined'",
				map[string]string{fold: "declined of payment.events: its row is not the fold of its events: Status is VOIDED and should be DECLINED"}},
			{"UPDATE payments SET authorized = 3000 WHERE order_id = 'held'", "UPDATE payments SET authorized = 2250 WHERE order_id = 'held'",
				map[string]string{fold: "Authorized is 3000", ledger: "order held: the ledger has 2250 held and 0 kept, the payment 3000 and 0"}},
			{"UPDATE payments SET id = 'x' WHERE order_id = 'held'", "UPDATE payments SET id = 'pay-held' WHERE order_id = 'held'",
				map[string]string{fold: "ID is x and should be pay-held"}},
			{"UPDATE refunds SET amount = 251 WHERE id = 'r1'", "UPDATE refunds SET amount = 250 WHERE id = 'r1'",
				map[string]string{fold: "paid of payment.events: its row is not the fold of its events: settled refunds"}},
			{"UPDATE payments SET version = 1 WHERE order_id = 'paid'", "UPDATE payments SET version = 4 WHERE order_id = 'paid'",
				map[string]string{fold: "Version is 1 and should be 4"}},
			{"UPDATE ledger SET amount = amount + 1 WHERE order_id = 'paid' AND operation = 'REFUND' AND account = 'customer'",
				"UPDATE ledger SET amount = amount - 1 WHERE order_id = 'paid' AND operation = 'REFUND' AND account = 'customer'",
				map[string]string{journals: "of order paid adds up to 1 KRW", ledger: "order paid"}},
			{"UPDATE payments SET order_id = 'moved' WHERE order_id = 'held'", "UPDATE payments SET order_id = 'held' WHERE order_id = 'moved'",
				map[string]string{fold: "held of payment.events has events and no row", ledger: "order moved: the ledger has 0 held"}},
			{"UPDATE payments SET desired = 'VOIDED' WHERE order_id = 'held'", "UPDATE payments SET desired = 'AUTHORIZED' WHERE order_id = 'held'",
				map[string]string{wanted: "order held: the payment is AUTHORIZED and wanted VOIDED, void after 0 tries"}},
			{"UPDATE payments SET desired = 'VOIDED' WHERE order_id = 'paid'; UPDATE refunds SET id = 'pay-paid', status = 'FAILED' WHERE id = 'r2'",
				"UPDATE payments SET desired = 'CAPTURED' WHERE order_id = 'paid'; UPDATE refunds SET id = 'r2' WHERE id = 'pay-paid'",
				map[string]string{fold: "settled refunds", wanted: "order paid: the payment is CAPTURED and wanted VOIDED, 2000 KRW are kept"}},
			{"UPDATE payments SET blocked_code = 'void_declined' WHERE order_id = 'held'", "UPDATE payments SET blocked_code = '' WHERE order_id = 'held'",
				map[string]string{wanted: "blocked by void_declined"}},
		} {
			f.execAll(c.breaks)
			broken := f.violations()
			if len(broken) != len(c.want) {
				t.Errorf("%s: %v", c.breaks, broken)
			}
			for check, words := range c.want {
				if !strings.Contains(strings.Join(broken[check], "; "), words) {
					t.Errorf("%s: %v does not say %q", c.breaks, broken[check], words)
				}
			}
			f.execAll(c.mends)
		}
		if broken := f.violations(); len(broken) > 0 {
			t.Error(broken)
		}
	})
}

// A payment that was asked for and not answered has no event, and that is right.
func TestVerifyLeavesOutWhatIsWanted(t *testing.T) {
	each(t, func(f *fixture) {
		f.request("o1")
		f.settle("o1", payment.Unknown)
		result, err := store.Verify(t.Context(), f.db, decode)
		if err != nil || result.Count != 0 || len(result.Violations) != 0 {
			t.Errorf("%+v, %v", result, err)
		}
		if broken := f.violations(); len(broken) != 1 || len(broken["every payment is where it is wanted"]) != 1 {
			t.Errorf("%v", broken)
		}
	})
}

// The log is read before the rows: a payment that moves on in between is no violation.
func TestVerifyBesideARunningService(t *testing.T) {
	each(t, func(f *fixture) {
		f.request("o1")
		f.settle("o1", payment.Succeeded)
		moved := false
		moving := func(ctx context.Context, topic string, value []byte) (any, error) {
			if !moved {
				moved = true
				f.cancel("o1")
				f.settle("o1", payment.Succeeded)
			}
			return decode(ctx, topic, value)
		}
		result, err := store.Verify(t.Context(), f.db, moving)
		if err != nil || result.Count != 1 || len(result.Violations) != 0 || !moved {
			t.Errorf("%+v, %v", result, err)
		}
	})
}

func TestMigrationsRunTwice(t *testing.T) {
	each(t, func(f *fixture) {
		if err := sqldb.Migrate(t.Context(), f.db, "payment", store.Migrations()); err != nil {
			t.Error(err)
		}
	})
}
