package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
)

func TestVerifyFindsWhatIsNotTheFold(t *testing.T) {
	each(t, func(f *fixture) {
		for i := range 3 {
			id := fmt.Sprintf("o%d", i)
			f.place(id, "u1", 1)
			f.react(id, untilPaid(id)...)
		}
		verify := func(want ...string) {
			t.Helper()
			result, err := store.Verify(f.Context(), f.db, decode)
			if err != nil {
				t.Fatal(err)
			}
			if result.Count != 3 || len(result.Violations) != len(want) {
				t.Fatalf("count %d, violations %v, want %v", result.Count, result.Violations, want)
			}
			for i, words := range want {
				if !strings.Contains(result.Violations[i], words) {
					t.Errorf("%q does not say %q", result.Violations[i], words)
				}
			}
		}
		change := func(statement string) {
			t.Helper()
			if _, err := f.db.ExecContext(f.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		verify()
		change("UPDATE orders SET total = total + 1, status = 'SHIPPED' WHERE id = 'o1'")
		verify("o1 of order.events: its row is not the fold of its events: Status, Total")
		change("UPDATE orders SET total = total - 1, status = 'PAID' WHERE id = 'o1'")
		verify()
		change("UPDATE orders SET version = 4, status = 'CONFIRMED' WHERE id = 'o1'")
		verify("o1 of order.events: its row is not the fold")
		change("DELETE FROM orders WHERE id = 'o1'")
		change("INSERT INTO orders SELECT 'o9', version, 'N9', user_id, customer_name, customer_email, status, payment_status, items, total, " +
			"currency, payment_token, shipping_address, billing_address, notes, metadata, payment_id, transaction_id, cancel_cause, cancel_reason, " +
			"carrier, tracking_number, refunded_total, refunds, step, step_since, created_at, updated_at, confirmed_at, paid_at, shipped_at, " +
			"delivered_at, cancelled_at, refunded_at FROM orders WHERE id = 'o2'")
		verify("o1 of order.events has events and no row", "o9 of orders has a row and no events")
	})
}

// The log is read before the rows: an order that moves on in between is no violation.
func TestVerifyBesideARunningService(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "u1", 1)
		moved := false
		moving := func(ctx context.Context, topic string, value []byte) (any, error) {
			if !moved {
				moved = true
				f.react("o1", untilPaid("o1")...)
			}
			return decode(ctx, topic, value)
		}
		result, err := store.Verify(f.Context(), f.db, moving)
		if err != nil || result.Count != 1 || len(result.Violations) != 0 || !moved {
			t.Errorf("%+v, %v", result, err)
		}
	})
}

func TestMigrationsRunTwice(t *testing.T) {
	each(t, func(f *fixture) {
		if err := sqldb.Migrate(f.Context(), f.db, "order", store.Migrations()); err != nil {
			t.Error(err)
		}
	})
}
