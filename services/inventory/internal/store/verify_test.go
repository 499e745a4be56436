package store_test

import (
	"context"
	"strings"
	"testing"

	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
)

// busy has orders in every state.
func (f *fixture) busy() {
	f.Helper()
	f.create("p1", 20, 5)
	f.create("p2", 3, 0)
	f.happen("held", placed(item("p1", 1)))
	f.happen("committed", placed(item("p1", 2), item("p2", 1)), confirmed)
	f.happen("released", placed(item("p1", 3)), cancelled)
	f.happen("returned", placed(item("p1", 4)), confirmed, cancelled)
	f.happen("rejected", placed(item("p2", 9)))
	f.happen("tombstone", cancelled)
	f.happen("expired", placed(item("p1", 5)))
	f.happen("expired", f.reservation("expired").ExpiresAt)
	f.happen("commitfailed", placed(item("p2", 2)))
	f.happen("commitfailed", f.reservation("commitfailed").ExpiresAt)
	f.happen("last", placed(item("p2", 1)))
	f.happen("commitfailed", confirmed)
	if err := f.adjust("p1", -2); err != nil {
		f.Fatal(err)
	}
}

func TestChecksHoldAfterAnything(t *testing.T) {
	each(t, func(f *fixture) {
		f.busy()
		f.mustHold()
		result, err := store.Verify(t.Context(), f.db, decode)
		if err != nil || result.Count != 13 { // 9 orders, 2 stocks, 2 products
			t.Errorf("%d, %v", result.Count, err)
		}
	})
}

// Each way in which rows can be wrong is found by the check that it concerns.
func TestChecksFindWhatIsWrong(t *testing.T) {
	const (
		fold     = "products and reservations are the fold of their events"
		reserved = "reserved stock is what orders hold"
		sum      = "on_hand = initial + adjustments - committed + returned"
		oversold = "no product is oversold"
		trail    = "the trail of adjustments adds up to the stock"
	)
	for name, c := range map[string]struct {
		statement string
		broken    []string
		says      string
	}{
		"status of a reservation":   {"UPDATE reservations SET status = 'RELEASED' WHERE order_id = 'held'", []string{fold, reserved}, "Status is RELEASED"},
		"committed never happened":  {"UPDATE reservations SET status = 'RELEASED' WHERE order_id = 'committed'", []string{fold, sum}, "orders took 4"},
		"line of a reservation":     {"UPDATE reservation_lines SET quantity = 7 WHERE order_id = 'held'", []string{fold, reserved}, "Lines"},
		"orders hold too much":      {"UPDATE reservation_lines SET quantity = 700 WHERE order_id = 'held'", []string{fold, reserved, oversold}, "orders hold 700"},
		"sequence of a reservation": {"UPDATE reservations SET sequence = 7 WHERE order_id = 'held'", []string{fold}, "Sequence is 7"},
		"expiry":                    {"UPDATE reservations SET expires_at = expires_at + 1 WHERE order_id = 'held'", []string{fold}, "ExpiresAt"},
		"lost reservation":          {"DELETE FROM reservations WHERE order_id = 'rejected'", []string{fold}, "rejected of inventory.events has events and no row"},
		"reserved too much":         {"UPDATE stock SET reserved = reserved + 1 WHERE product_id = 'p1'", []string{reserved}, "orders hold 1"},
		"stock out of nowhere":      {"UPDATE stock SET on_hand = on_hand + 1, adjustments = adjustments + 1 WHERE product_id = 'p1'", []string{fold, trail}, "Adjustments is -1"},
		"adjustment changed":        {"UPDATE stock_adjustments SET delta = 4 WHERE product_id = 'p1' AND sequence > 1", []string{trail}, "adjustments -2; its trail adds up to 20 and 4"},
		"initial stock changed":     {"UPDATE stock_adjustments SET delta = 4 WHERE product_id = 'p2'", []string{trail}, "initial 3, adjustments 0; its trail adds up to 4 and 0"},
		"adjustment lost":           {"DELETE FROM stock_adjustments WHERE product_id = 'p1' AND sequence > 1", []string{trail}, "the trail lacks event"},
		"returned never came":       {"UPDATE stock SET on_hand = on_hand + 1, returned = returned + 1 WHERE product_id = 'p1'", []string{sum}, "orders brought back 4"},
		"price of a product":        {"UPDATE products SET price = 1 WHERE id = 'p2'", []string{fold}, "p2 of product.events: its row is not the fold of its events: Price is 1 and should be 900"},
		"reservation from nowhere":  {"INSERT INTO reservations (order_id, status, expires_at, sequence, created_at, updated_at) VALUES ('ghost', 'HELD', 1, 1, 1, 1)", []string{fold}, "ghost of reservations has a row and no events"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(f *fixture) {
				f.busy()
				f.exec(c.statement)
				broken := f.violations()
				var said []string
				for _, check := range c.broken {
					if len(broken[check]) == 0 {
						t.Errorf("%q holds", check)
					}
					said = append(said, broken[check]...)
				}
				if len(broken) != len(c.broken) || !strings.Contains(strings.Join(said, "\n"), c.says) {
					t.Errorf("%v", broken)
				}
			})
		})
	}
}

func TestVerifyReportsWhatItCanNotRead(t *testing.T) {
	each(t, func(f *fixture) {
		f.busy()
		f.exec("UPDATE outbox SET payload = $1 WHERE topic = $2 AND key = 'held'", []byte("{}"), schemas.InventoryEvents)
		if _, err := store.Verify(t.Context(), f.db, decode); err == nil || !strings.Contains(err.Error(), "event 1 of held") {
			t.Errorf("%v", err)
		}
	})
}

// The database itself refuses what would oversell.
func TestRowsCanNotBeOversold(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 3, 0)
		for _, statement := range []string{
			"UPDATE stock SET reserved = 4", "UPDATE stock SET reserved = -1", "UPDATE stock SET on_hand = 4",
		} {
			err := f.db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.ExecContext(ctx, statement)
				return err
			})
			if err == nil {
				t.Errorf("%s: done", statement)
			}
		}
	})
}
