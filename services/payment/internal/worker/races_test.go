package worker_test

import (
	"context"
	"testing"
	"time"

	"orderflow.example/kit/jobs"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider/providertest"
	"orderflow.example/payment/internal/worker"
)

// whileCalled lets something happen while the provider works on the first call of a kind.
func (f *fixture) whileCalled(kind string, happen func(), then providertest.Mode) {
	done := false
	f.provider.Lock()
	defer f.provider.Unlock()
	f.provider.Behave = func(c providertest.Call) providertest.Mode {
		if c.Kind != kind || done {
			return providertest.OK
		}
		done = true
		happen()
		return then
	}
}

// A cancel arrives while the authorisation is under way: its late success is voided, whether or not its answer arrives.
func TestRaceCancelWhileAuthorizing(t *testing.T) {
	for mode, want := range map[providertest.Mode]string{
		providertest.OK:         "PaymentAuthorized PaymentVoided",
		providertest.LoseAnswer: "PaymentAuthorized PaymentVoided",
		providertest.Hang:       "PaymentAuthorized PaymentVoided", // it may yet have taken effect: asked for again, then voided
		providertest.Decline:    "PaymentDeclined",
	} {
		each(t, func(f *fixture) {
			f.says(request("o1"))
			f.whileCalled("authorize", func() { f.says(cancel("o1")) }, mode)
			f.rests()
			if got := f.said("o1"); got != want {
				t.Errorf("%q: %s", mode, got)
			}
			f.moneyAddsUp()
		})
	}
}

// The order is cancelled after a worker died with the authorisation's answer: whoever takes over finds out that money is
// held, and lets it go.
func TestRaceCancelAfterACrash(t *testing.T) {
	each(t, func(f *fixture) {
		f.provider.Forgetful = true // the worst case
		f.says(request("o1"))
		dying := jobs.NewWorker(jobs.Config[*worker.Answer]{DB: f.db, Kind: worker.Kind, Store: f.worker.Store, Handle: func(ctx context.Context, job jobs.Job) (*worker.Answer, error) {
			answer, err := f.worker.Handle(ctx, job)
			f.says(cancel("o1"))
			f.pass(time.Minute) // its lease ends, and its result will be dropped
			if f.runs() != 1 || f.said("o1") != "PaymentAuthorized" || f.provider.Reads == 0 || len(f.provider.Calls) != 1 {
				t.Errorf("taken over: %s, %d look-ups, %+v", f.said("o1"), f.provider.Reads, f.provider.Calls)
			}
			return answer, err
		}})
		if n, err := dying.RunDue(t.Context()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		f.rests()
		if f.said("o1") != "PaymentAuthorized PaymentVoided" {
			t.Errorf("%s", f.said("o1"))
		}
		f.moneyAddsUp()
	})
}

// The provider is away and the order is cancelled: the payment ends without it, at once, though its next attempt was
// planned for later.
func TestRaceCancelWhileTheProviderIsAway(t *testing.T) {
	each(t, func(f *fixture) {
		f.misbehaves("authorize", 1000, providertest.Unavailable)
		f.says(request("o1"))
		for range 4 {
			f.runs()
			f.pass(30 * time.Second)
		}
		f.runs()
		calls := len(f.provider.Calls)
		f.says(cancel("o1"))
		if f.runs() != 1 || f.said("o1") != "PaymentVoided" || len(f.provider.Calls) != calls {
			t.Errorf("%s after %d more calls", f.said("o1"), len(f.provider.Calls)-calls)
		}
		f.moneyAddsUp()
	})
}

func TestRaceCancelWhileCapturing(t *testing.T) {
	for mode, want := range map[providertest.Mode]string{
		providertest.OK:          "PaymentAuthorized PaymentCaptured PaymentRefunded",
		providertest.LoseAnswer:  "PaymentAuthorized PaymentCaptured PaymentRefunded",
		providertest.Hang:        "PaymentAuthorized PaymentVoided",
		providertest.Unavailable: "PaymentAuthorized PaymentVoided",
		providertest.Decline:     "PaymentAuthorized PaymentCaptureFailed PaymentVoided",
	} {
		each(t, func(f *fixture) {
			f.says(request("o1"))
			f.rests()
			f.says(capture("o1"))
			f.whileCalled("capture", func() { f.says(cancel("o1")) }, mode)
			f.rests()
			if got := f.said("o1"); got != want {
				t.Errorf("%q: %s", mode, got)
			}
			f.moneyAddsUp()
		})
	}
}

// The hold ended at the provider by itself: the capture fails, and nothing is held any more.
func TestRaceTheHoldEndsBeforeTheCapture(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"))
		f.rests()
		f.provider.Change(f.get("o1").ProviderReference, func(p *providertest.Payment) { p.Status, p.Voided = "voided", p.Amount })
		f.says(capture("o1"))
		f.rests()
		if got := f.said("o1"); got != "PaymentAuthorized PaymentCaptureFailed PaymentVoided" {
			t.Errorf("%s", got)
		}
		f.moneyAddsUp()
	})
}

// A cancel and the request behind it, in one batch or in two: nothing is ever asked of the provider.
func TestRaceCancelBeforeTheRequest(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(cancel("o1"), request("o1"))
		f.says(cancel("o2"))
		f.says(request("o2"))
		f.rests()
		for _, id := range []string{"o1", "o2"} {
			if p := f.get(id); p.Status != payment.Voided || f.said(id) != "PaymentVoided" {
				t.Errorf("%s: %s, %s", id, p.Status, f.said(id))
			}
		}
		if len(f.provider.Calls) != 0 {
			t.Errorf("%+v", f.provider.Calls)
		}
		f.moneyAddsUp()
	})
}

// Request and cancel in one batch: no call was made yet, so none is needed.
func TestRaceCancelRightBehindTheRequest(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"), cancel("o1"))
		f.rests()
		if f.said("o1") != "PaymentVoided" || len(f.provider.Calls) != 0 {
			t.Errorf("%s, %+v", f.said("o1"), f.provider.Calls)
		}
		f.moneyAddsUp()
	})
}

// Refunds that arrive while another is being paid are paid one after the other; asked for twice is paid once.
func TestRaceRefunds(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"), capture("o1"))
		f.rests()
		f.says(refund("o1", "r1", 1000))
		f.whileCalled("refund", func() { f.says(refund("o1", "r1", 1000), refund("o1", "r2", 1250), refund("o1", "r3", 1)) }, providertest.LoseAnswer)
		f.rests()
		p := f.get("o1")
		if p.Refunded != 2250 || p.Status != payment.Refunded || len(p.Refunds) != 3 {
			t.Errorf("%+v", p)
		}
		if got := f.said("o1"); got != "PaymentAuthorized PaymentCaptured PaymentRefundFailed PaymentRefunded PaymentRefunded" {
			t.Errorf("%s", got)
		}
		f.moneyAddsUp()
	})
}

// Old events after the end change nothing and ask nobody.
func TestRaceOldEventsAfterTheEnd(t *testing.T) {
	each(t, func(f *fixture) {
		f.says(request("o1"))
		f.rests()
		f.says(cancel("o1"))
		f.rests()
		calls, said := len(f.provider.Calls), f.said("o1")
		f.says(request("o1"), capture("o1"), cancel("o1"))
		if left, err := jobs.Unfinished(t.Context(), f.db, worker.Kind); left != 0 || err != nil {
			t.Errorf("%d jobs, %v", left, err)
		}
		f.rests()
		if len(f.provider.Calls) != calls || f.said("o1") != said {
			t.Errorf("%d more calls, %s", len(f.provider.Calls)-calls, f.said("o1"))
		}
	})
}
