package simulator_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/dev/simulator"
)

func TestAPaymentThroughItsLife(t *testing.T) {
	p := start(t, simulator.Config{})
	payment := p.authorised("", "order-1")
	if payment.Status != "authorized" || payment.Amount != 10000 || payment.Currency != "KRW" || payment.Reference != "order-1" || payment.IdempotencyKey != "key-1" {
		t.Fatalf("authorised %+v", payment)
	}
	path := "/v1/payments/" + payment.ID
	captured := as[simulator.Payment](t, p.post(path+"/capture", `{"amount":8000}`), 200)
	if captured.Status != "captured" || captured.AmountCaptured != 8000 || captured.AmountVoided != 2000 {
		t.Fatalf("captured %+v", captured)
	}
	refund := as[struct {
		simulator.Refund
		Payment simulator.Payment `json:"payment"`
	}](t, p.post(path+"/refunds", `{"amount":3000,"reason":"파손"}`), 201)
	if refund.Amount != 3000 || refund.Status != "succeeded" || refund.Reason != "파손" || refund.PaymentID != payment.ID ||
		refund.Payment.Status != "captured" || refund.Payment.AmountRefunded != 3000 {
		t.Fatalf("refunded %+v", refund)
	}
	expectError(t, p.post(path+"/refunds", `{"amount":5001}`), 409, "amount_too_large")
	as[simulator.Refund](t, p.post(path+"/refunds", `{"amount":5000}`), 201)
	end := as[simulator.Payment](t, p.get(path), 200)
	if end.Status != "refunded" || end.AmountRefunded != 8000 || len(end.Refunds) != 2 || end.Refunds[0].ID != refund.ID {
		t.Fatalf("at the end %+v", end)
	}
	expectError(t, p.post(path+"/refunds", `{"amount":1}`), 409, "invalid_state")
}

func TestMovesThatAreRefused(t *testing.T) {
	p := start(t, simulator.Config{})
	voided, captured, fresh := p.authorised("", "a"), p.authorised("", "b"), p.authorised("", "c")
	after := as[simulator.Payment](t, p.post("/v1/payments/"+voided.ID+"/void", ``), 200)
	if after.Status != "voided" || after.AmountVoided != 10000 {
		t.Fatalf("voided %+v", after)
	}
	as[simulator.Payment](t, p.post("/v1/payments/"+captured.ID+"/capture", `{"amount":10000}`), 200)
	for _, c := range []struct{ path, body, code string }{
		{voided.ID + "/capture", `{"amount":1}`, "invalid_state"},
		{voided.ID + "/void", `{}`, "invalid_state"},
		{voided.ID + "/refunds", `{"amount":1}`, "invalid_state"},
		{captured.ID + "/capture", `{"amount":1}`, "invalid_state"},
		{captured.ID + "/void", ``, "invalid_state"},
		{captured.ID + "/refunds", `{"amount":10001}`, "amount_too_large"},
		{fresh.ID + "/capture", `{"amount":10001}`, "amount_too_large"},
		{fresh.ID + "/refunds", `{"amount":1}`, "invalid_state"},
	} {
		t.Run(c.path[len(c.path)-8:]+c.code, func(t *testing.T) {
			expectError(t, p.post("/v1/payments/"+c.path, c.body), 409, c.code)
		})
	}
	if got := as[simulator.Payment](t, p.get("/v1/payments/"+fresh.ID), 200); !reflect.DeepEqual(got, fresh) {
		t.Fatalf("refused calls changed %+v to %+v", fresh, got)
	}
}

func TestBadInput(t *testing.T) {
	p := start(t, simulator.Config{})
	id := p.authorised("", "order").ID
	good := authorisation("", "x")
	for name, c := range map[string]struct {
		method, path, key, body string
		status                  int
		code, param             string
	}{
		"no key":            {"POST", "/v1/payments", "", good, 400, "invalid_request", "Idempotency-Key"},
		"long key":          {"POST", "/v1/payments", strings.Repeat("k", 256), good, 400, "invalid_request", "Idempotency-Key"},
		"not JSON":          {"POST", "/v1/payments", "k", `{"amount":`, 400, "invalid_request", ""},
		"two objects":       {"POST", "/v1/payments", "k", good + good, 400, "invalid_request", ""},
		"unknown field":     {"POST", "/v1/payments", "k", `{"amount":1,"card_number":"4"}`, 400, "invalid_request", ""},
		"fraction":          {"POST", "/v1/payments", "k", `{"amount":1.5}`, 400, "invalid_request", "amount"},
		"no amount":         {"POST", "/v1/payments", "k", `{"currency":"KRW","reference":"x"}`, 400, "invalid_request", "amount"},
		"negative":          {"POST", "/v1/payments", "k", `{"amount":-1,"currency":"KRW","reference":"x"}`, 400, "invalid_request", "amount"},
		"too much":          {"POST", "/v1/payments", "k", `{"amount":1000000000001,"currency":"KRW","reference":"x"}`, 400, "amount_too_large", "amount"},
		"currency":          {"POST", "/v1/payments", "k", `{"amount":1,"currency":"won","reference":"x"}`, 400, "invalid_request", "currency"},
		"no reference":      {"POST", "/v1/payments", "k", `{"amount":1,"currency":"KRW"}`, 400, "invalid_request", "reference"},
		"body too large":    {"POST", "/v1/payments", "k", `{"reference":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "body_too_large", ""},
		"capture of naught": {"POST", "/v1/payments/" + id + "/capture", "k", ``, 400, "invalid_request", "amount"},
		"long reason":       {"POST", "/v1/payments/" + id + "/refunds", "k", `{"amount":1,"reason":"` + strings.Repeat("가", 501) + `"}`, 400, "invalid_request", "reason"},
		"void with amount":  {"POST", "/v1/payments/" + id + "/void", "k", `{"amount":1}`, 400, "invalid_request", ""},
		"unknown payment":   {"POST", "/v1/payments/pay_x/capture", "k", `{"amount":1}`, 404, "payment_not_found", ""},
		"get unknown":       {"GET", "/v1/payments/pay_x", "", "", 404, "payment_not_found", ""},
		"unknown key":       {"GET", "/v1/operations/k", "", "", 404, "operation_not_found", ""},
		"unknown path":      {"GET", "/v2", "", "", 404, "not_found", ""},
		"method":            {"DELETE", "/v1/payments/" + id, "", "", 405, "method_not_allowed", ""},
		"limit":             {"GET", "/v1/payments?limit=1001", "", "", 400, "invalid_request", "limit"},
		"after":             {"GET", "/v1/payments?after=pay_x", "", "", 400, "invalid_request", "after"},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.do(c.method, c.path, c.key, c.body)
			expectError(t, r, c.status, c.code)
			if c.param != "" && !strings.Contains(r.raw, `"param":"`+c.param+`"`) {
				t.Fatalf("%s does not name %s", r.raw, c.param)
			}
		})
	}
}

func TestSameKey(t *testing.T) {
	p := start(t, simulator.Config{})
	first := p.do("POST", "/v1/payments", "once", authorisation("", "order"))
	payment := as[simulator.Payment](t, first, 201)
	as[simulator.Payment](t, p.post("/v1/payments/"+payment.ID+"/capture", `{"amount":10000}`), 200)
	firstRefund := p.do("POST", "/v1/payments/"+payment.ID+"/refunds", "back", `{"amount":10}`)
	as[simulator.Refund](t, firstRefund, 201)
	as[simulator.Refund](t, p.post("/v1/payments/"+payment.ID+"/refunds", `{"amount":20}`), 201)

	again := p.do("POST", "/v1/payments", "once", ` { "reference":"order", "currency":"KRW", "amount":10000 } `)
	if again.status != 201 || again.raw != first.raw || !again.replayed || first.replayed {
		t.Fatalf("first %+v, again %+v", first, again)
	}
	againRefund := p.do("POST", "/v1/payments/"+payment.ID+"/refunds", "back", `{"amount":10}`)
	if againRefund.raw != firstRefund.raw || !againRefund.replayed {
		t.Fatalf("first %+v, again %+v", firstRefund, againRefund)
	}
	expectError(t, p.do("POST", "/v1/payments", "once", authorisation("", "other")), 409, "idempotency_key_reused")
	expectError(t, p.do("POST", "/v1/payments/"+payment.ID+"/void", "once", ``), 409, "idempotency_key_reused")
	if got := p.Payments(); len(got) != 1 || got[0].AmountRefunded != 30 {
		t.Fatalf("payments %+v", got)
	}
}

func TestAForgottenKeyTakesEffectAgainButTheReferenceIsKnown(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := start(t, simulator.Config{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	first := as[simulator.Payment](t, p.do("POST", "/v1/payments", "k", authorisation("", "order")), 201)
	mu.Lock()
	now = now.Add(24*time.Hour + time.Second)
	mu.Unlock()
	expectError(t, p.get("/v1/operations/k"), 404, "operation_not_found")
	list := as[struct{ Payments []simulator.Payment }](t, p.get("/v1/payments?reference=order"), 200)
	if len(list.Payments) != 1 || list.Payments[0].ID != first.ID {
		t.Fatalf("by reference: %+v", list)
	}
	second := as[simulator.Payment](t, p.do("POST", "/v1/payments", "k", authorisation("", "order")), 201)
	if second.ID == first.ID {
		t.Fatal("the key was not forgotten")
	}
}

func TestListPages(t *testing.T) {
	p := start(t, simulator.Config{})
	var want []string
	for i := range 7 {
		want = append(want, p.authorised("", fmt.Sprint(i%2)).ID)
	}
	type page struct {
		Payments []simulator.Payment
		Next     string
	}
	for query, expected := range map[string][]string{"": want, "&reference=1": {want[1], want[3], want[5]}, "&reference=none": nil} {
		var got []string
		for after := ""; ; {
			one := as[page](t, p.get("/v1/payments?limit=2"+query+"&after="+after), 200)
			for _, payment := range one.Payments {
				got = append(got, payment.ID)
			}
			if after = one.Next; after == "" {
				break
			}
		}
		if !reflect.DeepEqual(got, expected) {
			t.Fatalf("%q listed %v, want %v", query, got, expected)
		}
	}
	expectError(t, p.get("/v1/payments?reference=1&after="+want[0]), 400, "invalid_request")
	expectError(t, p.get("/v1/payments?created_after=yesterday"), 400, "invalid_request")
	from := p.Payments()[4].CreatedAt.Format(time.RFC3339Nano)
	first := as[page](t, p.get("/v1/payments?limit=2&created_after="+from), 200)
	rest := as[page](t, p.get("/v1/payments?created_after="+from+"&after="+first.Next), 200)
	if len(first.Payments) != 2 || first.Payments[0].ID != want[4] || len(rest.Payments) != 1 || rest.Payments[0].ID != want[6] {
		t.Errorf("made later: %+v, %+v", first, rest)
	}
}

func TestConcurrentRefundsNeverExceedTheCapture(t *testing.T) {
	p := start(t, simulator.Config{})
	id := p.authorised("", "order").ID
	as[simulator.Payment](t, p.post("/v1/payments/"+id+"/capture", `{"amount":10000}`), 200)
	var mu sync.Mutex
	granted := 0
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if r := p.do("POST", "/v1/payments/"+id+"/refunds", fmt.Sprintf("r-%d", i), `{"amount":700}`); r.status == 201 {
				mu.Lock()
				granted++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	end := as[simulator.Payment](t, p.get("/v1/payments/"+id), 200)
	if granted != 14 || end.AmountRefunded != 9800 || len(end.Refunds) != 14 {
		t.Fatalf("%d refunds of 700 granted, %d refunded of 10000", granted, end.AmountRefunded)
	}
}

func TestMoneySurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	p := start(t, simulator.Config{DataDir: dir})
	id := p.authorised("tok_refund_declined", "order").ID
	as[simulator.Payment](t, p.post("/v1/payments/"+id+"/capture", `{"amount":9000}`), 200)
	expectError(t, p.do("POST", "/v1/payments/"+id+"/refunds", "no", `{"amount":1}`), 402, "refund_declined")
	other := p.authorised("", "order-2").ID
	as[simulator.Payment](t, p.post("/v1/payments/"+other+"/capture", `{"amount":10000}`), 200)
	refund := p.do("POST", "/v1/payments/"+other+"/refunds", "yes", `{"amount":4,"reason":"r"}`)
	as[simulator.Payment](t, p.post("/v1/payments/"+p.authorised("", "order-3").ID+"/void", ""), 200)
	want := p.Payments()
	copied := t.TempDir() // what a kill -9 at this point would leave
	journal, err := os.ReadFile(filepath.Join(dir, "payments.journal"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "payments.journal"), append(journal, "0123torn"...), 0o600); err != nil {
		t.Fatal(err)
	}
	p.stop()

	for name, dir := range map[string]string{"after Close": dir, "after a crash": copied} {
		t.Run(name, func(t *testing.T) {
			p := start(t, simulator.Config{DataDir: dir})
			if got := p.Payments(); !reflect.DeepEqual(got, want) {
				t.Fatalf("payments after the restart:\n%+v\nbefore:\n%+v", got, want)
			}
			expectError(t, p.do("POST", "/v1/payments/"+id+"/refunds", "no", `{"amount":1}`), 402, "refund_declined")
			again := p.do("POST", "/v1/payments/"+other+"/refunds", "yes", `{"amount":4,"reason":"r"}`)
			if again.raw != refund.raw || !again.replayed {
				t.Fatalf("before %+v, after the restart %+v", refund, again)
			}
			expectError(t, p.do("POST", "/v1/payments/"+other+"/refunds", "more", `{"amount":9997}`), 409, "amount_too_large")
		})
	}
}

func TestUnavailable(t *testing.T) {
	p := start(t, simulator.Config{})
	p.SetUnavailable(true)
	expectError(t, p.do("POST", "/v1/payments", "k", authorisation("", "order")), 503, "unavailable")
	if r := p.get("/health"); r.status != 200 {
		t.Fatalf("health answered %d", r.status)
	}
	p.SetUnavailable(false)
	as[simulator.Payment](t, p.do("POST", "/v1/payments", "k", authorisation("", "order")), 201)
}

func TestStartErrorsNameTheCulprit(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, taken)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  simulator.Config
		want string
	}{
		"port in use":  {simulator.Config{Addr: taken.Addr().String(), DataDir: t.TempDir()}, taken.Addr().String()},
		"no directory": {simulator.Config{DataDir: filepath.Join(file, "sub")}, file},
		"none given":   {simulator.Config{}, "DataDir"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulator.Start(c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q does not name %s in one line", err, c.want)
			}
		})
	}
}

func BenchmarkAuthorise(b *testing.B) {
	sim, err := simulator.Start(simulator.Config{DataDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := sim.Close(); err != nil {
			b.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest(http.MethodPost, sim.URL()+"/v1/payments", strings.NewReader(authorisation("", "order")))
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Idempotency-Key", rand.Text())
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
				b.Fatal(resp.Status, err)
			}
		}
	})
}
