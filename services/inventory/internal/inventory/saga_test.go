package inventory

import (
	"slices"
	"testing"
	"time"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
)

// in brings order o1, two pieces of p1, to a status. Afterwards the stock of p1 is set by the caller.
var in = map[Status]func(*house){
	None: func(*house) {},
	Held: func(h *house) { h.place("o1", item("p1", 2)) },
	Rejected: func(h *house) {
		h.place("o1", item("p1", 2), item("unknown", 1))
	},
	Committed: func(h *house) { h.place("o1", item("p1", 2)); h.confirm("o1", item("p1", 2)) },
	Released:  func(h *house) { h.place("o1", item("p1", 2)); h.cancel("o1") },
	Expired:   func(h *house) { h.place("o1", item("p1", 2)); h.expire("o1", noon.Add(hold)) },
	Returned: func(h *house) {
		h.place("o1", item("p1", 2))
		h.confirm("o1", item("p1", 2))
		h.cancel("o1")
	},
	CommitFailed: func(h *house) {
		h.place("o1", item("p1", 2))
		h.expire("o1", noon.Add(hold))
		h.place("other", item("p1", 10))
		h.confirm("o1", item("p1", 2))
		h.cancel("other")
	},
}

// Every status meets every fact, with the stock there and with the stock gone.
func TestSagaTableIsComplete(t *testing.T) {
	type entry struct {
		events string
		status Status
	}
	silent := func(s Status) entry { return entry{"", s} }
	// What happens with ten pieces of p1 in the house, then what happens with none free.
	table := map[Status]map[string][2]entry{
		None: {
			"OrderPlaced":    {{"StockReserved", Held}, {"StockRejected", Rejected}},
			"OrderConfirmed": {{"StockCommitted", Committed}, {"StockCommitFailed", CommitFailed}},
			"OrderCancelled": {{"StockReleased", Rejected}, {"StockReleased", Rejected}},
			"due":            {silent(None), silent(None)},
		},
		Held: {
			"OrderPlaced":    {silent(Held), silent(Held)},
			"OrderConfirmed": {{"StockCommitted", Committed}, {"StockCommitted", Committed}},
			"OrderCancelled": {{"StockReleased", Released}, {"StockReleased", Released}},
			"due":            {{"ReservationExpired", Expired}, {"ReservationExpired", Expired}},
		},
		Rejected: {
			"OrderPlaced":    {silent(Rejected), silent(Rejected)},
			"OrderConfirmed": {{"StockCommitFailed", CommitFailed}, {"StockCommitFailed", CommitFailed}},
			"OrderCancelled": {silent(Rejected), silent(Rejected)},
			"due":            {silent(Rejected), silent(Rejected)},
		},
		Committed: {
			"OrderPlaced":    {silent(Committed), silent(Committed)},
			"OrderConfirmed": {silent(Committed), silent(Committed)},
			"OrderCancelled": {{"StockReturned", Returned}, {"StockReturned", Returned}},
			"due":            {silent(Committed), silent(Committed)},
		},
		Expired: {
			"OrderPlaced":    {silent(Expired), silent(Expired)},
			"OrderConfirmed": {{"StockCommitted", Committed}, {"StockCommitFailed", CommitFailed}},
			"OrderCancelled": {{"StockReleased", Released}, {"StockReleased", Released}},
			"due":            {silent(Expired), silent(Expired)},
		},
	}
	for _, final := range []Status{Released, Returned, CommitFailed} {
		both := [2]entry{silent(final), silent(final)}
		table[final] = map[string][2]entry{"OrderPlaced": both, "OrderConfirmed": both, "OrderCancelled": both, "due": both}
	}
	facts := map[string]func(*house) []Event{
		"OrderPlaced":    func(h *house) []Event { return h.place("o1", item("p1", 2)) },
		"OrderConfirmed": func(h *house) []Event { return h.confirm("o1", item("p1", 2)) },
		"OrderCancelled": func(h *house) []Event { return h.cancel("o1") },
		"due":            func(h *house) []Event { return h.expire("o1", noon.Add(hold)) },
	}
	if len(table) != len(Statuses)+1 {
		t.Fatalf("the table has %d statuses of %d", len(table), len(Statuses)+1)
	}
	for status, row := range table {
		for fact, happen := range facts {
			for i, stock := range []string{"stock there", "stock gone"} {
				t.Run(string(status)+"/"+fact+"/"+stock, func(t *testing.T) {
					h := newHouse(t, map[string]int64{"p1": 10})
					in[status](h)
					if got := h.order("o1").Status; got != status {
						t.Fatalf("the fixture leads to %q", got)
					}
					if i == 1 {
						h.place("rest", item("p1", int32(h.shelf["p1"].Stock.Available())))
					}
					events := happen(h)
					want := row[fact][i]
					if names(events) != want.events || h.order("o1").Status != want.status {
						t.Errorf("%q, then %q; want %q, then %q", names(events), h.order("o1").Status, want.events, want.status)
					}
					h.checkHeld()
					if again := happen(h); fact != "OrderPlaced" && len(again) > 0 && want.events != "" {
						t.Errorf("the same fact again says %q", names(again))
					}
				})
			}
		}
	}
}

// checkHeld compares what the products say is reserved and gone with what the reservations hold and took.
func (h *house) checkHeld() {
	h.Helper()
	reserved, committed, returned := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, r := range h.orders {
		for _, line := range r.Lines {
			switch r.Status {
			case Held:
				reserved[line.ProductID] += int64(line.Quantity)
			case Committed:
				committed[line.ProductID] += int64(line.Quantity)
			case Returned:
				committed[line.ProductID] += int64(line.Quantity)
				returned[line.ProductID] += int64(line.Quantity)
			}
		}
	}
	for id, p := range h.shelf {
		s := p.Stock
		if s.Reserved != reserved[id] || s.Committed != committed[id] || s.Returned != returned[id] {
			h.Fatalf("product %s: reserved %d, committed %d, returned %d; its reservations add up to %d, %d, %d",
				id, s.Reserved, s.Committed, s.Returned, reserved[id], committed[id], returned[id])
		}
	}
}

func TestReservedEventSaysWhatIsHeldAndUntilWhen(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5, "p2": 5})
	events := h.place("o1", item("p2", 1), item("p1", 2), item("p2", 3))
	reserved := events[0].(*inventoryv1.StockReserved)
	want := []inventoryv1.StockLine{{ProductID: "p1", Quantity: 2}, {ProductID: "p2", Quantity: 4}}
	if reserved.OrderID != "o1" || !slices.Equal(reserved.Items, want) || !reserved.ExpiresAt.Equal(noon.Add(hold)) {
		t.Errorf("%+v", reserved)
	}
	if h.levels("p1") != "on_hand 5 reserved 2" || h.levels("p2") != "on_hand 5 reserved 4" {
		t.Error(h.levels("p1"), h.levels("p2"))
	}
}

func TestRejectionNamesEveryShortageAndHoldsNothing(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5, "p2": 1, "p3": 9})
	h.shelf["p3"].Archived = true
	events := h.place("o1", item("p1", 5), item("p2", 1), item("p2", 1), item("p3", 1), item("p4", 7))
	rejected := events[0].(*inventoryv1.StockRejected)
	want := []inventoryv1.Shortage{
		{ProductID: "p2", Requested: 2, Available: 1},
		{ProductID: "p3", Requested: 1, Available: 0}, // archived
		{ProductID: "p4", Requested: 7, Available: 0}, // unknown
	}
	if !slices.Equal(rejected.Shortages, want) {
		t.Errorf("%+v", rejected.Shortages)
	}
	if want := "Not in stock: p2 (2 asked for, 1 available), p3 (1 asked for, 0 available), p4 (7 asked for, 0 available)."; rejected.Reason != want {
		t.Errorf("%q", rejected.Reason)
	}
	if h.levels("p1") != "on_hand 5 reserved 0" {
		t.Error(h.levels("p1"))
	}
}

func TestReasonOfManyShortagesStaysShort(t *testing.T) {
	h := newHouse(t, nil)
	var items []orderv1.OrderItem
	for i := range 50 {
		items = append(items, item("product-with-an-identifier-of-sixty-four-characters-0123456789-"+string(rune('A'+i)), 1000))
	}
	rejected := h.place("o1", items...)[0].(*inventoryv1.StockRejected)
	if len(rejected.Shortages) != 50 || len(rejected.Reason) > 500 {
		t.Errorf("%d shortages, a reason of %d characters: %s", len(rejected.Shortages), len(rejected.Reason), rejected.Reason)
	}
}

func TestExpiryWaitsForItsTime(t *testing.T) {
	h := newHouse(t, map[string]int64{"p1": 5})
	h.place("o1", item("p1", 2))
	if events := h.expire("o1", noon.Add(hold-time.Microsecond)); len(events) > 0 {
		t.Errorf("too early: %s", names(events))
	}
	if events := h.expire("o1", noon.Add(hold)); names(events) != "ReservationExpired" || h.levels("p1") != "on_hand 5 reserved 0" {
		t.Errorf("%s, %s", names(events), h.levels("p1"))
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for name, items := range map[string][]orderv1.OrderItem{
		"no items":      {},
		"no product":    {item("", 1)},
		"quantity 0":    {item("p1", 0)},
		"quantity -1":   {item("p1", -1)},
		"huge":          {item("p1", maxPieces+1)},
		"huge together": {item("p1", maxPieces), item("p1", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, map[string]int64{"p1": 5})
			if events, err := Place(h.order("o1"), h.shelf, &orderv1.OrderPlaced{Items: items}, hold, noon); err == nil {
				t.Errorf("placed: %s", names(events))
			}
			if events, err := Confirm(h.order("o1"), h.shelf, &orderv1.OrderConfirmed{Items: items}, noon); err == nil {
				t.Errorf("confirmed: %s", names(events))
			}
		})
	}
}
