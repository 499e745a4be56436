package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"orderflow.example/kit/jobs"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider/providertest"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
)

// notice is what a webhook tells of an operation at the provider.
func notice(told providertest.Told) store.Notice {
	paymentID, refundID := payment.ParseKey(told.Key)
	return store.Notice{Provider: "simulator", EventID: "evt " + told.Key, Type: "t", Notice: payment.Notice{
		OrderID: told.Reference, PaymentID: paymentID, Reference: told.PaymentID, Kind: payment.Kind(told.Kind), Succeeded: !told.Declined,
		Amount: told.Amount, Currency: "KRW", RefundID: refundID,
	}}
}

// told is the provider's newest operation of a kind.
func (f *fixture) told(kind string) store.Notice {
	f.Helper()
	f.provider.Lock()
	defer f.provider.Unlock()
	for i := len(f.provider.Told) - 1; i >= 0; i-- {
		if f.provider.Told[i].Kind == kind {
			return notice(f.provider.Told[i])
		}
	}
	f.Fatalf("the provider did no %s", kind)
	return store.Notice{}
}

func (f *fixture) receives(n store.Notice) {
	f.Helper()
	if added, err := f.judge.Receive(f.Context(), &n); err != nil || !added {
		f.Fatalf("%v, %v", added, err)
	}
}

// stands is where a notice stands.
func (f *fixture) stands(n store.Notice) string {
	f.Helper()
	kept, err := store.GetNotice(f.Context(), f.db, n.Provider, n.EventID)
	if err != nil || kept == nil {
		f.Fatalf("%v, %v", kept, err)
	}
	return string(kept.Standing) + kept.Reason
}

// judges lets the open notices be judged until none is open.
func (f *fixture) judges() {
	f.Helper()
	for range 100 {
		left, err := jobs.Unfinished(f.Context(), f.db, worker.NoticeKind)
		if err != nil {
			f.Fatal(err)
		}
		if left == 0 {
			return
		}
		f.pass(10 * time.Minute)
		if _, err := f.notices.RunDue(f.Context()); err != nil {
			f.Fatal(err)
		}
	}
	f.Fatal("a notice stays open")
}

var kinds = []string{"authorize", "capture", "void", "refund"}

// upTo brings a payment to where the next operation is of the kind, which the provider has not heard of yet.
func (f *fixture) upTo(kind string) {
	f.Helper()
	f.says(request("o1"))
	if kind == "authorize" {
		return
	}
	f.rests()
	switch kind {
	case "capture":
		f.says(capture("o1"))
	case "void":
		f.says(cancel("o1"))
	case "refund":
		f.says(capture("o1"))
		f.rests()
		f.says(refund("o1", "r1", 250))
	}
}

// Each operation, succeeding and declined, told before its call is answered, after it, and in the answer's stead: the facts,
// the events and the ledger are the same, and the webhook agrees with them.
func TestTheOrderOfArrivalMakesNoDifference(t *testing.T) {
	for _, kind := range kinds {
		for _, mode := range []providertest.Mode{providertest.OK, providertest.Decline} {
			for _, order := range []string{"none", "before", "after", "instead"} {
				t.Run(fmt.Sprintf("%s/%s/%s", kind, map[providertest.Mode]string{providertest.OK: "succeeds"}[mode]+string(mode), order), func(t *testing.T) {
					each(t, func(f *fixture) { arrival(f, kind, mode, order) })
				})
			}
		}
	}
}

func arrival(f *fixture, kind string, mode providertest.Mode, order string) {
	f.upTo(kind)
	f.misbehaves(kind, 1, mode)
	switch order {
	case "before": // the provider has done it, and the worker has not stored the answer yet
		slow := jobs.NewWorker(jobs.Config[*worker.Answer]{DB: f.db, Kind: worker.Kind, Store: f.worker.Store, Log: slog.New(slog.DiscardHandler),
			Handle: func(ctx context.Context, job jobs.Job) (*worker.Answer, error) {
				answer, err := f.worker.Handle(ctx, job)
				if n := f.told(kind); err == nil {
					f.receives(n)
					if got := f.stands(n); got != "OPEN" {
						f.Errorf("before the answer it is %s", got)
					}
				}
				return answer, err
			}})
		if n, err := slow.RunDue(f.Context()); n != 1 || err != nil {
			f.Fatal(n, err)
		}
	case "instead": // it takes effect, and the answer is lost
		if mode == providertest.OK {
			f.provider.Behave = nil
			f.misbehaves(kind, 1, providertest.LoseAnswer)
		}
		f.runs()
		f.receives(f.told(kind))
		if mode == providertest.OK { // in doubt: the webhook has the provider asked at once, not after the backoff
			if f.runs() != 1 {
				f.Error("the provider is not asked before the next planned try")
			}
		}
	}
	f.rests()
	n := f.told(kind)
	if order == "after" {
		f.receives(n)
	}
	f.judges()
	want := map[string][2]string{
		"authorize": {"PaymentAuthorized", "PaymentDeclined"},
		"capture":   {"PaymentAuthorized PaymentCaptured", "PaymentAuthorized PaymentCaptureFailed"},
		"void":      {"PaymentAuthorized PaymentVoided", "PaymentAuthorized"},
		"refund":    {"PaymentAuthorized PaymentCaptured PaymentRefunded", "PaymentAuthorized PaymentCaptured PaymentRefundFailed"},
	}[kind][map[providertest.Mode]int{providertest.OK: 0, providertest.Decline: 1}[mode]]
	if got := f.said("o1"); got != want {
		f.Errorf("%s, want %s", got, want)
	}
	if order != "none" {
		if got := f.stands(n); got != "AGREES" {
			f.Errorf("the notice %s", got)
		}
		if added, err := f.judge.Receive(f.Context(), &n); added || err != nil {
			f.Errorf("a second delivery: %v, %v", added, err)
		}
	}
	if kind != "void" || mode != providertest.Decline { // a hold that the provider refuses to release is a violation by itself
		f.moneyAddsUp()
	}
}

// A webhook that says what cannot be: nothing changes, nobody is asked, and it is kept for people to see.
func TestContradictionsChangeNothing(t *testing.T) {
	each(t, func(f *fixture) {
		f.upTo("void")
		f.rests()
		voided := f.told("void")
		calls, reads := len(f.provider.Calls), f.provider.Reads
		captured := voided
		captured.EventID, captured.Kind = "e1", payment.KindCapture
		stranger := voided
		stranger.EventID, stranger.OrderID = "e2", "o-unknown"
		other := voided
		other.EventID, other.Amount = "e3", 1
		for n, want := range map[*store.Notice]string{
			&captured: "CONTRADICTSnot_asked_for", &stranger: "CONTRADICTSunknown_payment", &other: "CONTRADICTSother_amount",
		} {
			f.receives(*n)
			if got := f.stands(*n); got != want {
				f.Errorf("%s, want %s", got, want)
			}
		}
		f.rests()
		if f.said("o1") != "PaymentAuthorized PaymentVoided" || len(f.provider.Calls) != calls || f.provider.Reads != reads {
			f.Errorf("%s, %d calls", f.said("o1"), len(f.provider.Calls)-calls)
		}
		listed, err := store.ListNotices(f.Context(), f.db, payment.Contradicts, "", 10)
		if err != nil || len(listed) != 3 {
			f.Errorf("%v, %v", listed, err)
		}
	})
}

// Calls, lost answers, crashes, cancellations, webhooks and their duplicates in random order: the money adds up, and every
// webhook agrees in the end.
func TestRandomOrdersOfCallsAndWebhooks(t *testing.T) {
	each(t, func(f *fixture) {
		for seed := range uint64(25) {
			rng := rand.New(rand.NewPCG(seed, 1))
			order := fmt.Sprint("o", seed)
			for range 25 {
				f.step(rng, order)
			}
			f.rests()
		}
		for _, told := range f.provider.Told {
			n := notice(told)
			if _, err := f.judge.Receive(f.Context(), &n); err != nil {
				f.Fatal(err)
			}
		}
		f.judges()
		for _, told := range f.provider.Told {
			if got := f.stands(notice(told)); got != "AGREES" {
				f.Errorf("%+v: %s", told, got)
			}
		}
		f.moneyAddsUp()
	})
}

func (f *fixture) step(rng *rand.Rand, order string) {
	modes := []providertest.Mode{providertest.OK, providertest.OK, providertest.LoseAnswer, providertest.LoseAnswer, providertest.Unavailable, providertest.Broken}
	switch rng.IntN(8) {
	case 0:
		f.says(request(order))
	case 1:
		if p, err := store.GetByOrder(f.Context(), f.db, order); err == nil && p != nil {
			f.says(capture(order))
		}
	case 2:
		if p, err := store.GetByOrder(f.Context(), f.db, order); err == nil && p != nil {
			f.says(refund(order, fmt.Sprint("r", rng.IntN(3)), int64(1+rng.IntN(900))))
		}
	case 3:
		if rng.IntN(4) == 0 {
			f.says(cancel(order))
		}
	case 4:
		mode := modes[rng.IntN(len(modes))]
		f.provider.Lock()
		f.provider.Behave = func(providertest.Call) providertest.Mode {
			defer func() { mode = providertest.OK }()
			return mode
		}
		f.provider.Unlock()
		f.runs()
	case 5: // a worker dies with the answer
		dying := jobs.NewWorker(jobs.Config[*worker.Answer]{DB: f.db, Kind: worker.Kind, Store: f.worker.Store, Log: slog.New(slog.DiscardHandler),
			Handle: func(ctx context.Context, job jobs.Job) (*worker.Answer, error) {
				answer, err := f.worker.Handle(ctx, job)
				f.pass(time.Minute)
				f.runs()
				return answer, err
			}})
		if _, err := dying.RunDue(f.Context()); err != nil {
			f.Fatal(err)
		}
	case 6:
		if n := len(f.provider.Told); n > 0 {
			said := notice(f.provider.Told[n-1-rng.IntN(min(n, 5))])
			if _, err := f.judge.Receive(f.Context(), &said); err != nil {
				f.Fatal(err)
			}
			if got := f.stands(said); got != "OPEN" && got != "AGREES" {
				f.Errorf("seed %s: %+v is %s", order, said, got)
			}
		}
	case 7:
		f.pass(time.Duration(rng.IntN(90)) * time.Second)
		if _, err := f.notices.RunDue(f.Context()); err != nil {
			f.Fatal(err)
		}
	}
}
