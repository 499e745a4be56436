package payment

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the order service asks for, in any order and number, and however the provider behaves (answers lost, calls
// arriving late, crashes between a call and its result), at the end no money is held or taken that is not wanted,
// nothing was authorised or paid back twice, and payment, provider and ledger agree. Webhooks, at any time and in any
// order and number, change nothing of it; and none that is true is ever taken for a contradiction.
func TestMoneyAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		declines := map[Kind]bool{}
		for _, kind := range []Kind{KindAuthorize, KindCapture, KindVoid, KindRefund} {
			declines[kind] = rapid.IntRange(0, 7).Draw(rt, "declines "+string(kind)) == 0
		}
		w := &world{history: fresh(), bank: newBank(declines)}
		for range rapid.IntRange(0, 30).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"order", "work", "work", "late", "webhook", "person"}).Draw(rt, "step") {
			case "order":
				w.orderSays(rt)
			case "work":
				w.work(rt)
			case "person":
				w.person(rt)
			case "webhook":
				w.webhook(rt)
			case "late":
				if n := len(w.bank.late); n > 0 {
					w.bank.arrive(rapid.IntRange(0, n-1).Draw(rt, "arrives"))
				}
			}
			w.check(rt)
		}
		w.comeToRest(rt)
	})
}

// world is a payment, its provider, and the worker between them.
type world struct {
	*history
	bank    *bank
	crashed bool // the last call's outcome was not stored
}

// orderSays is an event of the order service. A refusal changes nothing; which ones are right is for the table tests.
func (w *world) orderSays(rt *rapid.T) {
	refund := refundRequested(rapid.SampledFrom([]string{"r1", "r2", "r3"}).Draw(rt, "refund"), int64(rapid.IntRange(0, 2500).Draw(rt, "amount")))
	capture := captureRequested()
	capture.Amount = rapid.SampledFrom([]int64{2250, 2250, 2000}).Draw(rt, "capture")
	events := []any{requested(), requested(), capture, capture, refund, cancelled()}
	_ = w.hear(rt, rapid.SampledFrom(events).Draw(rt, "event"))
}

// work is one run of the worker's job.
func (w *world) work(rt *rapid.T) {
	if w.crashed {
		w.InDoubt, w.crashed = true, false
	}
	op, ok := w.Next()
	if !ok {
		return
	}
	if w.InDoubt {
		if out, found := w.bank.lookUp(op); found {
			w.settles(rt, op, out)
			return
		}
	}
	behaviour := "answered"
	if op.Kind != KindAbandon {
		behaviour = rapid.SampledFrom([]string{"answered", "answered", "lost", "late", "nothing", "unavailable", "paused", "crash", "late crash"}).Draw(rt, "provider")
	}
	if rapid.IntRange(0, 3).Draw(rt, "meanwhile") == 0 {
		w.orderSays(rt)
	}
	switch behaviour {
	case "answered":
		w.settles(rt, op, w.bank.perform(op))
	case "lost":
		w.bank.perform(op)
		w.settles(rt, op, unknown)
	case "late":
		w.bank.late = append(w.bank.late, op)
		w.settles(rt, op, unknown)
	case "nothing":
		w.settles(rt, op, unknown)
	case "unavailable":
		w.settles(rt, op, unavailable)
	case "paused":
		w.settles(rt, op, paused)
	case "crash":
		w.bank.perform(op)
		w.crashed = true
	case "late crash":
		w.bank.late = append(w.bank.late, op)
		w.crashed = true
	}
}

// person has a refused return of a cancelled order's money asked for again, with or without the cause being gone.
func (w *world) person(rt *rapid.T) {
	stuck := w.Stuck()
	if rapid.Bool().Draw(rt, "mended") {
		w.bank.declines[KindVoid], w.bank.declines[KindRefund] = false, false
	}
	if err := AskAgain(w.Payment, noon); (err == nil) != stuck {
		rt.Fatalf("stuck %v: %v", stuck, err)
	}
}

// webhook delivers some notice, maybe once more. A true one is never a contradiction, though its operation's answer may
// not have come, or never comes; in the end (comeToRest) it agrees.
func (w *world) webhook(rt *rapid.T) {
	if len(w.bank.told) == 0 {
		return
	}
	n := rapid.SampledFrom(w.bank.told).Draw(rt, "notice")
	before := *w.Payment
	verdict := Judge(w.Payment, n)
	if verdict.Standing == Contradicts && w.BlockedCode == "" {
		rt.Fatalf("%+v is said to contradict %+v: %s", n, w.Payment, verdict.Reason)
	}
	if before.Facts != w.Facts || before.Wish != w.Wish || before.Work != w.Work {
		rt.Fatalf("a notice changed the payment")
	}
	if verdict.Standing == Open {
		return
	}
	n.Amount++
	if got := Judge(w.Payment, n); n.Succeeded && got.Standing != Contradicts {
		rt.Fatalf("%+v is said to be %s of %+v", n, got.Standing, w.Payment)
	}
}

// check holds at every moment.
func (w *world) check(rt *rapid.T) {
	if w.bank.holds > 1 {
		rt.Fatalf("%d authorisations took effect", w.bank.holds)
	}
	if w.Held() < 0 || w.Kept() < 0 || w.Refundable() < 0 {
		rt.Fatalf("held %d, kept %d, refundable %d", w.Held(), w.Kept(), w.Refundable())
	}
	for id, paid := range w.bank.paidBackByRefund {
		if r := w.refund(id); r != nil && paid > r.Amount {
			rt.Fatalf("refund %s of %d paid back %d", id, r.Amount, paid)
		}
	}
	if w.ledger[Holds] != w.Held() || w.ledger[Merchant] != w.Kept() || w.ledger[Customer] != -w.Held()-w.Kept() {
		rt.Fatalf("ledger %v of %+v", w.ledger, w.Facts)
	}
}

// comeToRest lets every late call arrive and the worker finish with a provider that answers.
func (w *world) comeToRest(rt *rapid.T) {
	for len(w.bank.late) > 0 {
		w.bank.arrive(0)
	}
	for n := 0; ; n++ {
		if w.crashed {
			w.InDoubt, w.crashed = true, false
		}
		op, more := w.Next()
		if !more {
			break
		}
		if n == 20 {
			rt.Fatalf("never comes to rest: %+v", op)
		}
		w.settles(rt, op, w.bank.perform(op))
		w.check(rt)
	}
	w.checkFold(rt)
	if w.BlockedCode != "" { // a hold that can't be released, and a capture of it may even come late: a person's work
		return
	}
	w.settleForGood(rt)
	for _, n := range w.bank.told {
		if verdict := Judge(w.Payment, n); verdict.Standing != Agrees {
			rt.Fatalf("at rest %+v is %v of %+v", n, verdict, w.Payment)
		}
	}
	b := w.bank
	if w.Held() != b.held || w.Captured != b.taken || w.Voided != b.letGo || w.Refunded != b.paidBack {
		rt.Fatalf("payment %+v, provider %+v", w.Facts, b)
	}
	switch {
	case w.Desired == Voided && w.Held() != 0:
		rt.Fatalf("%d stays held", w.Held())
	case w.Desired == Voided && !b.declines[KindRefund] && w.Kept() != 0:
		rt.Fatalf("%d stays taken", w.Kept())
	case w.Desired == Captured && w.Status == Captured && w.Authorized != w.Captured+w.Voided:
		rt.Fatalf("authorised %d, captured %d, voided %d", w.Authorized, w.Captured, w.Voided)
	}
}

// settleForGood: a person who asks again, once the provider refuses no more, leaves nothing open.
func (w *world) settleForGood(rt *rapid.T) {
	if !w.Stuck() {
		return
	}
	w.bank.declines[KindRefund] = false
	if err := AskAgain(w.Payment, noon); err != nil {
		rt.Fatal(err)
	}
	op, more := w.Next()
	if !more {
		rt.Fatalf("asked again, and nothing is due: %+v", w.Payment)
	}
	w.settles(rt, op, w.bank.perform(op))
	if !w.Settled() {
		rt.Fatalf("asked again, and it is %+v", w.Payment)
	}
}

// checkFold: facts and settled refunds follow from the events alone.
func (w *world) checkFold(rt *rapid.T) {
	folded := &Payment{OrderID: w.OrderID}
	if w.Status != None {
		folded.ID, folded.Status = w.ID, Pending
	}
	for _, e := range w.events {
		if err := folded.Apply(e); err != nil {
			rt.Fatal(err)
		}
	}
	if folded.Facts != w.Facts {
		rt.Fatalf("fold %+v\nrow %+v", folded.Facts, w.Facts)
	}
	settled := slices.DeleteFunc(slices.Clone(w.Refunds), func(r Refund) bool { return r.Status == RefundRequested })
	slices.SortFunc(settled, byID)
	slices.SortFunc(folded.Refunds, byID)
	if len(settled)+len(folded.Refunds) > 0 && !reflect.DeepEqual(settled, folded.Refunds) {
		rt.Fatalf("fold %+v\nrows %+v", folded.Refunds, settled)
	}
}

func byID(a, b Refund) int {
	if a.ID < b.ID {
		return -1
	}
	return 1
}
