package inventory

import (
	"testing"

	"orderflow.example/schemas/inventoryv1"
)

// The hold ended by its time, then the confirmation arrived: the stock is still there.
func TestExpiredThenConfirmedTakesTheStockAgain(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5})
	h.place("o1", item("p1", 5))
	h.expire("o1", noon.Add(hold))
	if events := h.confirm("o1", item("p1", 5)); names(events) != "StockCommitted LowStock" {
		t.Error(names(events))
	}
	if h.levels("p1") != "on_hand 0 reserved 0" {
		t.Error(h.levels("p1"))
	}
}

// The hold ended by its time, and somebody else has the last pieces when the confirmation arrives.
func TestExpiredThenConfirmedFailsWhenTheStockIsGone(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5, "p2": 5})
	h.place("o1", item("p1", 5), item("p2", 1))
	h.expire("o1", noon.Add(hold))
	h.place("o2", item("p1", 1))
	events := h.confirm("o1", item("p1", 5), item("p2", 1))
	failed, ok := events[0].(*inventoryv1.StockCommitFailed)
	if !ok || len(failed.Shortages) != 1 || failed.Shortages[0] != (inventoryv1.Shortage{ProductID: "p1", Requested: 5, Available: 4}) {
		t.Errorf("%s: %+v", names(events), events[0])
	}
	if h.levels("p1") != "on_hand 5 reserved 1" || h.levels("p2") != "on_hand 5 reserved 0" {
		t.Error(h.levels("p1"), h.levels("p2"))
	}
	if events := h.cancel("o1"); len(events) > 0 {
		t.Errorf("the cancel that follows says %s", names(events))
	}
}

// The confirmation was in time, the expiry comes after it.
func TestConfirmedThenDueChangesNothing(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5})
	h.place("o1", item("p1", 2))
	h.confirm("o1", item("p1", 2))
	if events := h.expire("o1", noon.Add(hold)); len(events) > 0 || h.levels("p1") != "on_hand 3 reserved 0" {
		t.Error(names(events), h.levels("p1"))
	}
}

// A cancel overtook everything else: its tombstone refuses the work that arrives later.
func TestCancelBeforePlacedLeavesATombstone(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5})
	events := h.cancel("o1")
	if released, ok := events[0].(*inventoryv1.StockReleased); !ok || len(released.Items) > 0 {
		t.Errorf("%+v", events[0])
	}
	if events := h.place("o1", item("p1", 2)); len(events) > 0 || h.levels("p1") != "on_hand 5 reserved 0" {
		t.Error(names(events), h.levels("p1"))
	}
	if r := h.order("o1"); r.Status != Rejected || r.Sequence != 1 || len(r.Lines) > 0 {
		t.Errorf("%+v", r)
	}
}

// The order was rejected while the customer cancelled it: nothing was held, nothing comes back.
func TestRejectedAndCancelledTogether(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 1})
	h.place("o1", item("p1", 2))
	if events := h.cancel("o1"); len(events) > 0 {
		t.Error(names(events))
	}
	if h.levels("p1") != "on_hand 1 reserved 0" {
		t.Error(h.levels("p1"))
	}
}

// The expiry and the customer's cancel meet: the stock comes back once, and an old confirmation takes nothing.
func TestExpiredAndCancelledTogether(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5})
	h.place("o1", item("p1", 2))
	h.expire("o1", noon.Add(hold))
	h.cancel("o1")
	if events := h.confirm("o1", item("p1", 2)); len(events) > 0 || h.levels("p1") != "on_hand 5 reserved 0" {
		t.Error(names(events), h.levels("p1"))
	}
}

// The cancel comes after the stock has left: all of it returns, once.
func TestCancelAfterCommitReturnsTheStockOnce(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5})
	h.place("o1", item("p1", 2))
	h.confirm("o1", item("p1", 2))
	first, second := h.cancel("o1"), h.cancel("o1")
	if names(first) != "StockReturned" || len(second) > 0 || h.levels("p1") != "on_hand 5 reserved 0" {
		t.Error(names(first), names(second), h.levels("p1"))
	}
	if s := h.shelf["p1"].Stock; s.Committed != 2 || s.Returned != 2 {
		t.Errorf("%+v", s)
	}
}

// Old events of an order that is over change nothing.
func TestOldEventsAfterTheEndChangeNothing(t *testing.T) {
	for _, end := range []Status{Released, Returned, CommitFailed} {
		t.Run(string(end), func(t *testing.T) {
			h := newHouse(t, map[string]int64{"p1": 10})
			in[end](h)
			before := h.levels("p1")
			for _, events := range [][]Event{
				h.place("o1", item("p1", 2)), h.confirm("o1", item("p1", 2)), h.cancel("o1"), h.expire("o1", noon.Add(hold)),
			} {
				if len(events) > 0 {
					t.Error(names(events))
				}
			}
			if h.levels("p1") != before || h.order("o1").Status != end {
				t.Error(h.levels("p1"), h.order("o1").Status)
			}
		})
	}
}

// Two orders of one batch want the last piece: the decision of the second sees what the first took.
func TestOneBatchSellsTheLastPieceOnce(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 1})
	first, second := h.place("o1", item("p1", 1)), h.place("o2", item("p1", 1))
	if names(first) != "StockReserved LowStock" || names(second) != "StockRejected" {
		t.Error(names(first), names(second))
	}
	h.cancel("o1")
	if third := h.place("o3", item("p1", 1)); names(third) != "StockReserved LowStock" {
		t.Error(names(third))
	}
}
