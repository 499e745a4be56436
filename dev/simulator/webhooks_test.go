package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/dev/simulator"
)

const secret = "whsec_c2ltdWxhdG9yIHRlc3Qgc2VjcmV0IG9mIDMyIGJ5dGVz"

// receiver takes webhooks that are signed as they should be.
type receiver struct {
	*httptest.Server
	sync.Mutex
	status int // of its answers to good ones
	got    []simulator.Event
	forged int
	news   chan struct{}
}

func receive(t *testing.T) *receiver {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{status: http.StatusNoContent, news: make(chan struct{}, 1000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.Lock()
		defer r.Unlock()
		if verifier.Verify(body, req.Header) != nil {
			r.forged++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var e simulator.Event
		if err := json.Unmarshal(body, &e); err != nil || e.ID != req.Header.Get("webhook-id") {
			t.Errorf("%s: %v", body, err)
		}
		r.got = append(r.got, e)
		w.WriteHeader(r.status)
		r.news <- struct{}{}
	}))
	t.Cleanup(r.Close)
	return r
}

// next waits until so many more deliveries have come, and returns all.
func (r *receiver) next(t *testing.T, n int) []simulator.Event {
	t.Helper()
	for range n {
		select {
		case <-r.news:
		case <-time.After(10 * time.Second):
			t.Fatal("a webhook does not come")
		}
	}
	r.Lock()
	defer r.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) answer(status int) {
	r.Lock()
	defer r.Unlock()
	r.status = status
}

func (p *provider) told(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for untold := 1; untold > 0; untold, _ = p.UntoldWebhooks() {
		if time.Now().After(deadline) {
			t.Fatal("not all webhooks are acknowledged")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestEveryChangeIsToldByAWebhook(t *testing.T) {
	r := receive(t)
	p := start(t, simulator.Config{WebhookSecret: secret, WebhookURL: r.URL})
	payment := p.authorised("", "order-1")
	path := "/v1/payments/" + payment.ID
	as[simulator.Payment](t, p.do("POST", path+"/capture", "k-capture", `{"amount":8000}`), 200)
	as[simulator.Refund](t, p.post(path+"/refunds", `{"amount":3000}`), 201)
	as[simulator.Payment](t, p.do("POST", path+"/capture", "k-capture", `{"amount":8000}`), 200) // a replay changes nothing
	voided := p.authorised("", "order-2")
	as[simulator.Payment](t, p.post("/v1/payments/"+voided.ID+"/void", ""), 200)
	expectError(t, p.post("/v1/payments", authorisation("tok_declined", "order-3")), 402, "card_declined")
	for _, kind := range []string{"capture", "void", "refund"} {
		id := p.authorised("tok_"+kind+"_declined", "order-"+kind).ID
		call := "/v1/payments/" + id + "/" + kind
		if kind == "refund" {
			as[simulator.Payment](t, p.post("/v1/payments/"+id+"/capture", `{"amount":10000}`), 200)
			call += "s"
		}
		body := `{"amount":10000}`
		if kind == "void" {
			body = ""
		}
		expectError(t, p.post(call, body), 402, kind+"_declined")
	}
	got := r.next(t, 13)
	var types []string
	ids := map[string]bool{}
	for _, e := range got {
		types = append(types, e.Type+" of "+e.Data.Reference)
		ids[e.ID] = true
		if e.Type == "payment.captured" && e.Data.Reference == "order-1" && (e.Data.Amount != 8000 || e.Data.Currency != "KRW" ||
			e.Data.PaymentID != payment.ID || e.Data.IdempotencyKey != "k-capture") {
			t.Errorf("%+v", e)
		}
	}
	slices.Sort(types)
	want := []string{
		"payment.authorized of order-1", "payment.authorized of order-2", "payment.authorized of order-capture", "payment.authorized of order-refund",
		"payment.authorized of order-void", "payment.capture_failed of order-capture", "payment.captured of order-1", "payment.captured of order-refund",
		"payment.declined of order-3", "payment.refund_failed of order-refund", "payment.refunded of order-1", "payment.void_failed of order-void",
		"payment.voided of order-2",
	}
	if !slices.Equal(types, want) || len(ids) != len(want) {
		t.Errorf("%q, %d ids", types, len(ids))
	}
	p.told(t)
}

func TestAWebhookIsRepeatedUntilItIsAcknowledgedAlsoAfterARestart(t *testing.T) {
	r := receive(t)
	r.answer(http.StatusInternalServerError)
	cfg := simulator.Config{WebhookSecret: secret, WebhookURL: r.URL, WebhookRetry: time.Millisecond, DataDir: t.TempDir()}
	p := start(t, cfg)
	p.authorised("", "order-1")
	got := r.next(t, 3)
	if got[0].ID != got[1].ID || got[1].ID != got[2].ID {
		t.Errorf("%+v", got)
	}
	p.stop()
	r.answer(http.StatusOK)
	p = start(t, cfg)
	p.told(t)
	if all := r.next(t, 0); all[len(all)-1].ID != got[0].ID {
		t.Errorf("%+v", all)
	}
	p.stop()
	count := len(r.next(t, 0))
	p = start(t, cfg)
	p.keys = 100 // not those of the first run
	p.authorised("", "order-2")
	p.told(t)
	if all := r.next(t, 0); len(all) != count+1 || all[count].Data.Reference != "order-2" {
		t.Errorf("after a second restart: %+v", all[count:])
	}
}

func TestWebhooksWaitForAnAddress(t *testing.T) {
	r := receive(t)
	p := start(t, simulator.Config{WebhookSecret: secret})
	p.authorised("", "order-1")
	if untold, _ := p.UntoldWebhooks(); untold != 1 {
		t.Errorf("%d wait", untold)
	}
	p.SetWebhookURL(r.URL)
	r.next(t, 1)
	p.told(t)
}

func TestWebhookFaults(t *testing.T) {
	r := receive(t)
	p := start(t, simulator.Config{WebhookSecret: secret, WebhookURL: r.URL})
	p.SetWebhookFaults(simulator.WebhookFaults{Duplicate: true, Forge: true, Scatter: 20 * time.Millisecond})
	for range 5 {
		p.authorised("", "order")
	}
	times := map[string]int{}
	for _, e := range r.next(t, 10) {
		times[e.ID]++
	}
	p.told(t)
	if len(times) != 5 {
		t.Errorf("%v", times)
	}
	for id, n := range times {
		if n != 2 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if _, refused := p.UntoldWebhooks(); refused != 10 || r.forged != 10 {
		t.Errorf("%d forged ones were refused", refused)
	}
}

func TestABadWebhookSecretIsRefused(t *testing.T) {
	if _, err := simulator.Start(simulator.Config{DataDir: t.TempDir(), WebhookSecret: "whsec_%"}); err == nil {
		t.Error("accepted")
	}
}
