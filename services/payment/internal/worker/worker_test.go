package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/jobs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider/providertest"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
)

func TestTheGoodWay(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"), request("o2"))
		f.rests()
		f.says(capture("o1"))
		f.rests()
		f.says(refund("o1", "r1", 250), refund("o1", "r1", 250), refund("o1", "r2", 9999))
		f.rests()
		if got := f.said("o1"); got != "PaymentAuthorized PaymentCaptured PaymentRefundFailed PaymentRefunded" {
			t.Errorf("%s", got)
		}
		if p := f.get("o2"); p.Status != payment.Authorized || f.said("o2") != "PaymentAuthorized" {
			t.Errorf("%+v", p)
		}
		if calls := len(f.provider.Calls); calls != 4 || f.provider.Reads != 0 {
			t.Errorf("%d calls, %d look-ups", calls, f.provider.Reads)
		}
		f.moneyAddsUp()
	})
}

// What the provider's answer leads to names the event that asked for it.
func TestEventsNameTheirCause(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"))
		f.rests()
		f.says(capture("o1"))
		f.rests()
		f.says(cancel("o1"))
		f.rests()
		var causes []string
		for _, row := range f.log("o1") {
			causes = append(causes, row.CausationID)
			if row.TraceParent != "trace of o1" || row.CorrelationID != "o1" {
				t.Errorf("%+v", row)
			}
		}
		if got := strings.Join(causes, ", "); got != "PaymentRequested of o1, PaymentCaptureRequested of o1, OrderCancelled of o1" {
			t.Errorf("%s", got)
		}
	})
}

// TestFailures: whatever the provider does to an operation, it comes to its end with the money right.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		kind string
		mode providertest.Mode
		want string // said in the end
	}{
		{"authorize", providertest.Decline, "PaymentDeclined"},
		{"authorize", providertest.Unavailable, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"authorize", providertest.Broken, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"authorize", providertest.LoseAnswer, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"authorize", providertest.Hang, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"capture", providertest.Decline, "PaymentAuthorized PaymentCaptureFailed PaymentVoided"},
		{"capture", providertest.Unavailable, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"capture", providertest.Broken, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"capture", providertest.LoseAnswer, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"capture", providertest.Hang, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"refund", providertest.Unavailable, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"refund", providertest.Broken, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"refund", providertest.LoseAnswer, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
		{"refund", providertest.Hang, "PaymentAuthorized PaymentCaptured PaymentRefunded"},
	} {
		for _, forgetful := range []bool{false, true} {
			f := start(t, sqldbtest.SQLiteURL(t))
			f.provider.Forgetful = forgetful // as after 24 h
			f.misbehaves(c.kind, 2, c.mode)
			f.says(request("o1"))
			f.rests()
			f.says(capture("o1"))
			f.rests()
			f.says(cancel("o1"))
			f.rests()
			if got := f.said("o1"); got != c.want {
				t.Errorf("%s %s (forgetful: %v): %s", c.kind, c.mode, forgetful, got)
			}
			f.moneyAddsUp()
		}
	}
}

func TestVoidFailures(t *testing.T) {
	for _, mode := range []providertest.Mode{providertest.Unavailable, providertest.Broken, providertest.LoseAnswer, providertest.Hang} {
		for _, forgetful := range []bool{false, true} {
			f := start(t, sqldbtest.SQLiteURL(t))
			f.provider.Forgetful = forgetful
			f.misbehaves("void", 2, mode)
			f.says(request("o1"))
			f.rests()
			f.says(cancel("o1"))
			f.rests()
			if got := f.said("o1"); got != "PaymentAuthorized PaymentVoided" {
				t.Errorf("%s (forgetful: %v): %s", mode, forgetful, got)
			}
			f.moneyAddsUp()
		}
	}
}

// A hold that the provider never releases is not given up on in silence: the payment stays unsettled, for a person.
func TestARefusedVoid(t *testing.T) {
	each(t, func(f *fixture) {
		f.misbehaves("void", 1, providertest.Decline)
		f.says(request("o1"))
		f.rests()
		f.says(cancel("o1"))
		f.rests()
		if p := f.get("o1"); p.Settled() || p.BlockedCode != "void_declined" || f.said("o1") != "PaymentAuthorized" {
			t.Errorf("%+v, %s", p, f.said("o1"))
		}
		f.asksAgain("o1", "void")
		if got := f.said("o1"); got != "PaymentAuthorized PaymentVoided" {
			t.Errorf("%s", got)
		}
		f.moneyAddsUp()
	})
}

// asksAgain has a person retry: refused a second time, under a key of its own, and then not.
func (f *fixture) asksAgain(orderID, kind string) {
	f.Helper()
	restless, err := store.Restless(f.Context(), f.db, 10)
	if err != nil || len(restless) != 1 || !restless[0].Stuck() || restless[0].Refusal() != kind+"_declined" {
		f.Errorf("%v, %v", restless, err)
	}
	f.misbehaves(kind, 1, providertest.Decline)
	for range 2 {
		if done, err := worker.Retry(f.Context(), f.db, orderID); err != nil || !strings.Contains(done, "new key") {
			f.Fatal(done, err)
		}
		f.rests()
	}
	keys := map[string]bool{}
	for _, call := range f.provider.Calls {
		if call.Kind == kind {
			keys[call.Key] = true
		}
	}
	if len(keys) != 3 || !f.get(orderID).Settled() {
		f.Errorf("%v, %+v", keys, f.get(orderID))
	}
	if done, err := worker.Retry(f.Context(), f.db, orderID); err == nil {
		f.Errorf("a settled payment: %s", done)
	}
	for _, told := range f.provider.Told { // all that webhooks may tell now agrees
		n := notice(told)
		if added, err := f.judge.Receive(f.Context(), &n); err != nil || !added || f.stands(n) != "AGREES" {
			f.Errorf("%+v: %v, %v, %s", told, added, err, f.stands(n))
		}
	}
}

// A person may have the provider asked before the next planned try.
func TestRetryOfWhatWaits(t *testing.T) {
	each(t, func(f *fixture) {
		f.misbehaves("authorize", 1, providertest.Unavailable)
		f.says(request("o1"))
		f.runs()
		if f.runs() != 0 {
			t.Fatal("it is due already")
		}
		if done, err := worker.Retry(t.Context(), f.db, "o1"); err != nil || done != "the provider is asked now" {
			t.Fatal(done, err)
		}
		if f.runs() != 1 || f.said("o1") != "PaymentAuthorized" {
			t.Errorf("%s", f.said("o1"))
		}
		if _, err := worker.Retry(t.Context(), f.db, "unknown"); err == nil {
			t.Error("an unknown order")
		}
	})
}

// Money that another provider holds is left alone.
func TestAnotherProvidersPayment(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"))
		f.rests()
		f.exec("UPDATE payments SET provider = 'acme'")
		calls := len(f.provider.Calls)
		f.says(cancel("o1"))
		f.runs()
		if p := f.get("o1"); p.Tries != 1 || len(f.provider.Calls) != calls || p.Status != payment.Authorized {
			t.Errorf("%+v", p)
		}
		f.exec("UPDATE payments SET provider = 'simulator'")
		f.rests()
		if f.said("o1") != "PaymentAuthorized PaymentVoided" {
			t.Errorf("%s", f.said("o1"))
		}
	})
}

// Nor is money of a cancelled order that the provider does not pay back.
func TestARefusedReturn(t *testing.T) {
	each(t, func(f *fixture) {
		f.misbehaves("refund", 1, providertest.Decline)
		f.says(request("o1"))
		f.rests()
		f.says(capture("o1"))
		f.rests()
		f.says(cancel("o1"))
		f.rests()
		if p := f.get("o1"); p.Settled() || p.Kept() != 2250 || f.said("o1") != "PaymentAuthorized PaymentCaptured PaymentRefundFailed" {
			t.Errorf("%+v, %s", p, f.said("o1"))
		}
		f.asksAgain("o1", "refund")
		if got := f.said("o1"); got != "PaymentAuthorized PaymentCaptured PaymentRefundFailed PaymentRefundFailed PaymentRefunded" {
			t.Errorf("%s", got)
		}
		f.moneyAddsUp()
	})
}

// Three quick attempts, then ever slower ones.
func TestRetries(t *testing.T) {
	each(t, func(f *fixture) {
		f.misbehaves("authorize", 1000, providertest.Broken)
		f.says(request("o1"))
		for _, wait := range []time.Duration{0, 1, 2, 4, 8} {
			f.pass(wait * time.Second)
			if wait > 0 && f.runs() != 0 {
				t.Fatalf("tried before %d s had passed", wait) // the spread makes it later, never sooner
			}
			f.pass(wait * time.Second / 4)
			calls := len(f.provider.Calls)
			if f.runs() != 1 || len(f.provider.Calls) != calls+1 {
				t.Fatalf("not tried after %d s", wait)
			}
		}
		if p := f.get("o1"); !p.InDoubt || p.Tries != 5 {
			t.Errorf("%+v", p)
		}
	})
}

// A worker that dies between the call and its result: the next one finds out what happened, and asks for nothing twice.
func TestCrashAfterTheCall(t *testing.T) {
	each(t, func(f *fixture) {
		f.provider.Forgetful = true // the worst case
		step := func(in ...string) {
			t.Helper()
			job := jobs.Job{Kind: worker.Kind, Key: "o1", Attempt: 1}
			if _, err := f.worker.Handle(t.Context(), job); err != nil { // the result is lost
				t.Fatal(err)
			}
			job.Attempt = 2
			answer, err := f.worker.Handle(t.Context(), job)
			if err != nil || answer == nil {
				t.Fatal(err)
			}
			sqldbtest.Tx(t, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
				return f.worker.Store(ctx, tx, []jobs.Done[*worker.Answer]{{Job: job, Result: answer}})
			})
			if got := f.said("o1"); got != strings.Join(in, " ") {
				t.Fatalf("%s", got)
			}
		}
		f.says(request("o1"))
		step("PaymentAuthorized")
		f.says(capture("o1"))
		step("PaymentAuthorized", "PaymentCaptured")
		f.says(refund("o1", "r1", 1000))
		step("PaymentAuthorized", "PaymentCaptured", "PaymentRefunded")
		f.says(cancel("o1"))
		step("PaymentAuthorized", "PaymentCaptured", "PaymentRefunded", "PaymentRefunded")
		f.moneyAddsUp()
		if len(f.provider.Calls) != 4 {
			t.Errorf("%+v", f.provider.Calls)
		}
	})
}

// A result that comes twice, as from a worker whose lease was taken over, is refused.
func TestALateResultIsRefused(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"))
		job := jobs.Job{Kind: worker.Kind, Key: "o1", Attempt: 1}
		answer, err := f.worker.Handle(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		store := func(ctx context.Context, tx *sqldb.Tx) error {
			return f.worker.Store(ctx, tx, []jobs.Done[*worker.Answer]{{Job: job, Result: answer}})
		}
		sqldbtest.Tx(t, f.db, store)
		if err := f.db.InTx(t.Context(), store); err == nil {
			t.Error("stored twice")
		}
		if f.said("o1") != "PaymentAuthorized" {
			t.Error(f.said("o1"))
		}
	})
}

func TestJobsWithoutWork(t *testing.T) {
	each(t, func(f *fixture) {
		if _, err := f.worker.Handle(t.Context(), jobs.Job{Kind: worker.Kind, Key: "o9", Attempt: 1}); err == nil {
			t.Error("a job without a payment is a fault")
		}
		f.says(request("o1"))
		f.rests()
		complete, err := f.worker.Handle(t.Context(), jobs.Job{Kind: worker.Kind, Key: "o1", Attempt: 1})
		if complete != nil || err != nil {
			t.Errorf("nothing is to be done: %v", err)
		}
		sqldbtest.Tx(t, f.db, func(ctx context.Context, tx *sqldb.Tx) error { return worker.Enqueue(ctx, tx, f.get("o1")) })
		if left, err := jobs.Unfinished(t.Context(), f.db, worker.Kind); left != 0 || err != nil {
			t.Errorf("%d jobs, %v", left, err)
		}
	})
}
