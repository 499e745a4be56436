package simulator_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"orderflow.example/dev/simulator"
)

func TestDeclinedTokens(t *testing.T) {
	p := start(t, simulator.Config{})
	for token, code := range map[string]string{
		"tok_declined": "card_declined", "tok_insufficient_funds": "insufficient_funds",
		"tok_nonsense": "invalid_payment_token", "4242424242424242": "invalid_payment_token", "tok_capture_nonsense": "invalid_payment_token",
	} {
		t.Run(token, func(t *testing.T) {
			expectError(t, p.do("POST", "/v1/payments", token, authorisation(token, "order")), 402, code)
			again := p.do("POST", "/v1/payments", token, authorisation(token, "order"))
			expectError(t, again, 402, code)
			if !again.replayed {
				t.Fatal("the decline was not stored under its key")
			}
			op := as[simulator.Operation](t, p.get("/v1/operations/"+token), 200)
			if op.Status != "declined" || op.Error == nil || op.Error.Code != code || op.Payment != nil {
				t.Fatalf("operation %+v", op)
			}
		})
	}
	if len(p.Payments()) != 0 {
		t.Fatal("a decline left a payment")
	}
}

func TestDeclinedLater(t *testing.T) {
	p := start(t, simulator.Config{})
	for _, c := range []struct{ token, call, body, code string }{
		{"tok_capture_declined", "/capture", `{"amount":10000}`, "capture_declined"},
		{"tok_void_declined", "/void", ``, "void_declined"},
		{"tok_refund_declined", "/refunds", `{"amount":10000}`, "refund_declined"},
	} {
		t.Run(c.token, func(t *testing.T) {
			id := p.authorised(c.token, c.token).ID
			if c.call == "/refunds" {
				as[simulator.Payment](t, p.post("/v1/payments/"+id+"/capture", `{"amount":10000}`), 200)
			}
			before := as[simulator.Payment](t, p.get("/v1/payments/"+id), 200)
			for range 2 { // for good
				expectError(t, p.post("/v1/payments/"+id+c.call, c.body), 402, c.code)
			}
			after := as[simulator.Payment](t, p.get("/v1/payments/"+id), 200)
			if after.Status != before.Status || after.AmountRefunded != 0 {
				t.Fatalf("a declined operation changed %+v to %+v", before, after)
			}
		})
	}
}

func TestTimeoutTakesNoEffectAndTheRetrySucceeds(t *testing.T) {
	p := start(t, simulator.Config{})
	p.client.Timeout = 100 * time.Millisecond
	if r := p.do("POST", "/v1/payments", "k", authorisation("tok_timeout", "order")); r.err == nil {
		t.Fatalf("answered %d %s", r.status, r.raw)
	}
	p.client.Timeout = 10 * time.Second
	expectError(t, p.get("/v1/operations/k"), 404, "operation_not_found")
	if r := p.do("POST", "/v1/payments", "k", authorisation("tok_timeout", "order")); r.status != 201 || r.replayed {
		t.Fatalf("the retry: %+v", r)
	}
}

func TestAHangingCallIsCutInTheEnd(t *testing.T) {
	p := start(t, simulator.Config{HangFor: 20 * time.Millisecond})
	if r := p.do("POST", "/v1/payments", "k", authorisation("tok_timeout", "order")); r.err == nil {
		t.Fatalf("answered %d %s", r.status, r.raw)
	}
}

func TestCloseDoesNotWaitForAHangingCall(t *testing.T) {
	p := start(t, simulator.Config{})
	id := p.authorised("tok_capture_timeout", "order").ID
	cut := make(chan reply, 1)
	go func() { cut <- p.do("POST", "/v1/payments/"+id+"/capture", "c", `{"amount":10000}`) }()
	await(t, func() bool { return simulator.Hanging(p.Simulator) == 1 })
	begun := time.Now()
	p.stop()
	if took := time.Since(begun); took > 4*time.Second {
		t.Fatalf("Close took %s", took)
	}
	if r := <-cut; r.err == nil {
		t.Fatalf("answered %d %s", r.status, r.raw)
	}
}

func Test500TwiceThenSuccess(t *testing.T) {
	p := start(t, simulator.Config{})
	for range 2 {
		expectError(t, p.do("POST", "/v1/payments", "k", authorisation("tok_500_then_ok", "order")), 500, "internal_error")
	}
	as[simulator.Payment](t, p.do("POST", "/v1/payments", "k", authorisation("tok_500_then_ok", "order")), 201)
	expectError(t, p.do("POST", "/v1/payments", "other", authorisation("tok_500_then_ok", "another order")), 500, "internal_error")
}

// A failure that was played counts, whether the simulator is closed or killed before the next call.
func TestPlayedFailuresSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	p := start(t, simulator.Config{DataDir: dir})
	expectError(t, p.do("POST", "/v1/payments", "k", authorisation("tok_500_then_ok", "order")), 500, "internal_error")
	id := p.authorised("tok_capture_lost_answer", "other").ID
	if r := p.do("POST", "/v1/payments/"+id+"/capture", "c", `{"amount":10000}`); r.err == nil {
		t.Fatalf("answered %d %s", r.status, r.raw)
	}
	killed := t.TempDir() // what a kill -9 at this point would leave
	journal, err := os.ReadFile(filepath.Join(dir, "payments.journal"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, "payments.journal"), journal, 0o600); err != nil {
		t.Fatal(err)
	}
	p.stop()

	for name, dir := range map[string]string{"after Close": dir, "after a kill": killed} {
		t.Run(name, func(t *testing.T) {
			p := start(t, simulator.Config{DataDir: dir})
			expectError(t, p.do("POST", "/v1/payments", "k", authorisation("tok_500_then_ok", "order")), 500, "internal_error")
			as[simulator.Payment](t, p.do("POST", "/v1/payments", "k", authorisation("tok_500_then_ok", "order")), 201)
			as[simulator.Payment](t, p.do("POST", "/v1/payments/"+id+"/capture", "c", `{"amount":10000}`), 200)
		})
	}
}

func TestSlow(t *testing.T) {
	p := start(t, simulator.Config{SlowDelay: 300 * time.Millisecond})
	first, joined := make(chan reply, 1), make(chan reply, 1)
	go func() { first <- p.do("POST", "/v1/payments", "k", authorisation("tok_slow", "order")) }()
	await(t, func() bool {
		r := p.get("/v1/operations/k")
		return r.status == 200 && as[simulator.Operation](t, r, 200).Status == "processing"
	})
	if len(p.Payments()) != 0 {
		t.Fatal("it took effect at once")
	}
	expectError(t, p.do("POST", "/v1/payments", "k", authorisation("tok_slow", "another")), 409, "idempotency_key_reused")
	go func() { joined <- p.do("POST", "/v1/payments", "k", authorisation("tok_slow", "order")) }()
	a, b := <-first, <-joined
	if a.status != 201 || a.replayed || b.raw != a.raw || !b.replayed {
		t.Fatalf("first %+v, joined %+v", a, b)
	}
	if op := as[simulator.Operation](t, p.get("/v1/operations/k"), 200); op.Status != "succeeded" || op.Payment == nil {
		t.Fatalf("operation %+v", op)
	}
}

func TestSlowTakesEffectWithoutItsClient(t *testing.T) {
	p := start(t, simulator.Config{SlowDelay: 200 * time.Millisecond})
	p.client.Timeout = 50 * time.Millisecond
	if r := p.do("POST", "/v1/payments", "k", authorisation("tok_slow", "order")); r.err == nil {
		t.Fatalf("answered %d", r.status)
	}
	await(t, func() bool { return len(p.Payments()) == 1 })
}

func TestSlowThatIsOvertakenIsRefused(t *testing.T) {
	p := start(t, simulator.Config{SlowDelay: 300 * time.Millisecond})
	id := p.authorised("tok_capture_slow", "order").ID
	capture := make(chan reply, 1)
	go func() { capture <- p.do("POST", "/v1/payments/"+id+"/capture", "c", `{"amount":10000}`) }()
	await(t, func() bool { return p.get("/v1/operations/c").status == 200 })
	as[simulator.Payment](t, p.post("/v1/payments/"+id+"/void", ""), 200)
	expectError(t, <-capture, 409, "invalid_state")
	expectError(t, p.get("/v1/operations/c"), 404, "operation_not_found")
}

func TestCloseAbandonsSlowOperations(t *testing.T) {
	dir := t.TempDir()
	p := start(t, simulator.Config{DataDir: dir, SlowDelay: time.Hour})
	answer := make(chan reply, 1)
	go func() { answer <- p.do("POST", "/v1/payments", "k", authorisation("tok_slow", "order")) }()
	await(t, func() bool { return p.get("/v1/operations/k").status == 200 })
	p.stop()
	expectError(t, <-answer, 503, "unavailable")
	p = start(t, simulator.Config{DataDir: dir})
	expectError(t, p.get("/v1/operations/k"), 404, "operation_not_found")
}

func TestLostAnswer(t *testing.T) {
	p := start(t, simulator.Config{})
	if r := p.do("POST", "/v1/payments", "a", authorisation("tok_lost_answer", "order")); r.err == nil {
		t.Fatalf("answered %d %s", r.status, r.raw)
	}
	op := as[simulator.Operation](t, p.get("/v1/operations/a"), 200)
	if op.Status != "succeeded" || op.Payment == nil || op.Payment.ID != op.PaymentID {
		t.Fatalf("operation %+v", op)
	}
	again := p.do("POST", "/v1/payments", "a", authorisation("tok_lost_answer", "order"))
	if as[simulator.Payment](t, again, 201).ID != op.PaymentID || !again.replayed {
		t.Fatalf("again %+v", again)
	}
}

func TestLostAnswerOfARefund(t *testing.T) {
	p := start(t, simulator.Config{})
	id := p.authorised("tok_refund_lost_answer", "order").ID
	as[simulator.Payment](t, p.post("/v1/payments/"+id+"/capture", `{"amount":10000}`), 200)
	if r := p.do("POST", "/v1/payments/"+id+"/refunds", "r/1", `{"amount":10}`); r.err == nil {
		t.Fatalf("answered %d", r.status)
	}
	op := as[simulator.Operation](t, p.get("/v1/operations/r%2F1"), 200)
	if op.Kind != "refund" || op.RefundID == "" || op.Payment.AmountRefunded != 10 {
		t.Fatalf("operation %+v", op)
	}
}

func await(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about within 10 s")
		}
		time.Sleep(time.Millisecond)
	}
}
