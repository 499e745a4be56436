package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
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

// The payment token is in the row until PaymentRequested has it, and in no other event.
func TestPaymentTokenIsKeptNoLongerThanNeeded(t *testing.T) {
	const token = "tok_single_use"
	each(t, func(f *fixture) {
		f.work(func(_ context.Context, w *store.Work) error {
			placement := order.Placement{ID: "o1", UserID: "u1", Items: []order.Line{{ProductID: "p1", Quantity: 1}}, PaymentToken: token}
			event, err := order.Place(placement, products, w.Now())
			if err != nil {
				return err
			}
			return w.Record(order.New(placement), store.Cause{}, event)
		})
		told := func() (types []string) {
			t.Helper()
			log, err := outbox.Log(f.Context(), f.db, schemas.OrderEvents, "o1")
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range log {
				if bytes.Contains(row.Payload, []byte(token)) {
					types = append(types, row.Type)
				}
			}
			return types
		}
		verify := func(violations int) {
			t.Helper()
			if result, err := store.Verify(f.Context(), f.db, decode); err != nil || len(result.Violations) != violations {
				t.Errorf("violations %v, %v", result.Violations, err)
			}
		}
		if kept := f.get("o1").PaymentToken; kept != token || told() != nil {
			t.Errorf("the new order's row has %q, and the token is told by %v", kept, told())
		}
		verify(0)
		f.react("o1", untilPaid("o1")[0])
		if kept := f.get("o1").PaymentToken; kept != "" || !slices.Equal(told(), []string{(*orderv1.PaymentRequested)(nil).RecordName()}) {
			t.Errorf("after the request the row has %q, and the token is told by %v", kept, told())
		}
		verify(0)
		keep := func() {
			t.Helper()
			if _, err := f.db.ExecContext(f.Context(), "UPDATE orders SET payment_token = $1", token); err != nil {
				t.Fatal(err)
			}
		}
		keep()
		verify(1)
		f.react("o1", untilPaid("o1")[1])
		verify(0) // what an older release has kept goes with the next event
		keep()
		forget, err := fs.ReadFile(store.Migrations(), "00002_forget_payment_tokens.sql")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.db.ExecContext(f.Context(), string(forget)); err != nil {
			t.Fatal(err)
		}
		verify(0)
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
