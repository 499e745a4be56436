package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
)

const (
	oldSecret     = "whsec_b2xkIHNlY3JldCBvZiB0aGUgcHJvdmlkZXIgISEhISE="
	newSecret     = "whsec_bmV3IHNlY3JldCBvZiB0aGUgcHJvdmlkZXIgISEhISE="
	strangeSecret = "whsec_c3RyYW5nZXIncyBzZWNyZXQsIG5vYm9keSdzICEhISE="
)

// hook is a webhook about to be sent.
type hook struct {
	path, secret, id, body string
	at                     time.Time
	header                 http.Header // set beside the signature, or in its place
}

// send sends a webhook as the provider does: with no token. It returns the status and the error's reason.
func (r *rig) send(h hook) (status int, reason string) {
	r.Helper()
	signer, err := standardwebhooks.NewWebhook(h.secret)
	if err != nil {
		r.Fatal(err)
	}
	signature, err := signer.Sign(h.id, h.at, []byte(h.body))
	if err != nil {
		r.Fatal(err)
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.http+h.path, strings.NewReader(h.body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("webhook-id", h.id)
	request.Header.Set("webhook-timestamp", fmt.Sprint(h.at.Unix()))
	request.Header.Set("webhook-signature", signature)
	for name, values := range h.header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		r.Fatal(err)
	}
	var body struct {
		Error struct{ Details []struct{ Reason string } }
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &body); err != nil {
			r.Fatalf("%s: %v", raw, err)
		}
	}
	for _, secret := range []string{oldSecret, newSecret} {
		if bytes.Contains(raw, []byte(secret)) {
			r.Errorf("the answer holds a secret: %s", raw)
		}
	}
	for _, detail := range body.Error.Details {
		if detail.Reason != "" {
			return response.StatusCode, detail.Reason
		}
	}
	return response.StatusCode, ""
}

// of is the webhook of an operation of the order's payment, as the provider sends it.
func (r *rig) hook(id, eventType, orderID, operation string, amount int64) hook {
	p := r.find(orderID)
	body, err := json.Marshal(map[string]any{"id": id, "type": eventType, "created_at": time.Now(), "data": map[string]any{
		"idempotency_key": p.GetId() + ":" + operation, "reference": orderID, "payment_id": p.GetProviderReference(), "amount": amount, "currency": "KRW",
	}})
	if err != nil {
		r.Fatal(err)
	}
	return hook{path: "/v1/providers/simulator/webhooks", secret: newSecret, id: id, body: string(body), at: time.Now()}
}

func (r *rig) notice(id string) *store.Notice {
	r.Helper()
	n, err := store.GetNotice(r.Context(), r.DB, "simulator", id)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

func TestWebhooksAreVerified(t *testing.T) {
	each(t, func(r *rig) {
		r.request("o1")
		good := r.hook("e1", "payment.authorized", "o1", "authorize", 2250)
		with := func(change func(*hook)) hook { h := good; change(&h); return h }
		for name, c := range map[string]struct {
			hook   hook
			status int
			reason string
		}{
			"a stranger's":     {with(func(h *hook) { h.secret = strangeSecret }), 401, "WEBHOOK_SIGNATURE_INVALID"},
			"altered":          {with(func(h *hook) { h.header = signed(r, good); h.body = strings.Replace(h.body, "2250", "9999", 1) }), 401, "WEBHOOK_SIGNATURE_INVALID"},
			"another id":       {with(func(h *hook) { h.header = http.Header{"webhook-id": {"e2"}} }), 401, "WEBHOOK_SIGNATURE_INVALID"},
			"old":              {with(func(h *hook) { h.at = h.at.Add(-5*time.Minute - 2*time.Second) }), 400, "WEBHOOK_TIMESTAMP_OUTSIDE_TOLERANCE"},
			"of the future":    {with(func(h *hook) { h.at = h.at.Add(6 * time.Minute) }), 400, "WEBHOOK_TIMESTAMP_OUTSIDE_TOLERANCE"},
			"another time":     {with(func(h *hook) { h.header = http.Header{"webhook-timestamp": {fmt.Sprint(time.Now().Unix() - 60)}} }), 401, "WEBHOOK_SIGNATURE_INVALID"},
			"a malformed time": {with(func(h *hook) { h.header = http.Header{"webhook-timestamp": {"noon"}} }), 400, "WEBHOOK_UNREADABLE"},
			"not signed":       {with(func(h *hook) { h.header = http.Header{"webhook-signature": nil} }), 400, "WEBHOOK_UNREADABLE"},
			"another provider": {with(func(h *hook) { h.path = "/v1/providers/acme/webhooks" }), 404, "PROVIDER_NOT_FOUND"},
			"not JSON inside":  {with(func(h *hook) { h.body = "{" }), 400, "WEBHOOK_UNREADABLE"},
			"another id in it": {with(func(h *hook) { h.body = strings.Replace(h.body, `"e1"`, `"e9"`, 1) }), 400, "WEBHOOK_UNREADABLE"},
			"no data":          {with(func(h *hook) { h.body = `{"id":"e1","type":"payment.captured"}` }), 400, "WEBHOOK_UNREADABLE"},
			"too large":        {with(func(h *hook) { h.body = `{"x":"` + strings.Repeat("x", 256<<10) + `"}` }), 413, "BODY_TOO_LARGE"},
			"a form":           {with(func(h *hook) { h.header = http.Header{"content-type": {"text/plain"}} }), 415, "UNSUPPORTED_CONTENT_TYPE"},
		} {
			if status, reason := r.send(c.hook); status != c.status || reason != c.reason {
				t.Errorf("%s: %d %s, want %d %s", name, status, reason, c.status, c.reason)
			}
		}
		if r.notice("e1") != nil || r.notice("e2") != nil {
			t.Error("a refused webhook was kept")
		}
		if status, _ := r.send(good); status != 204 {
			t.Errorf("a good one: %d", status)
		}
		rotated := r.hook("e3", "payment.authorized", "o1", "authorize", 2250)
		rotated.secret = oldSecret
		if status, _ := r.send(rotated); status != 204 {
			t.Errorf("one of the secret before: %d", status)
		}
		foreign := r.hook("e4", "invoice.paid", "o1", "authorize", 1)
		if status, _ := r.send(foreign); status != 204 || r.notice("e4") != nil {
			t.Errorf("one of no interest: %d", status)
		}
	})
}

// signed is the signature that a webhook would be sent with.
func signed(r *rig, h hook) http.Header {
	signer, err := standardwebhooks.NewWebhook(h.secret)
	if err != nil {
		r.Fatal(err)
	}
	signature, err := signer.Sign(h.id, h.at, []byte(h.body))
	if err != nil {
		r.Fatal(err)
	}
	return http.Header{"webhook-signature": {signature}}
}

// A replay is acknowledged and does nothing; a webhook that contradicts changes nothing, and check tells of it.
func TestWebhooksAndThePayment(t *testing.T) {
	each(t, func(r *rig) {
		r.request("o1")
		r.capture("o1")
		early := r.hook("e-early", "payment.refunded", "o1", "refund:r1", 250)
		captured := r.hook("e1", "payment.captured", "o1", "capture", 2250)
		for range 3 {
			if status, reason := r.send(captured); status != 204 {
				t.Fatalf("%d %s", status, reason)
			}
		}
		if n := r.notice("e1"); n == nil || n.Standing != payment.Agrees {
			t.Errorf("%+v", n)
		}
		r.check()
		before := r.find("o1")
		for id, h := range map[string]hook{
			"e2": r.hook("e2", "payment.voided", "o1", "void", 2250), "e3": r.hook("e3", "payment.captured", "o1", "capture", 1), "e4": early,
		} {
			h.id, h.body = id, strings.Replace(h.body, "e-early", id, 1)
			if status, reason := r.send(h); status != 204 {
				t.Fatalf("%d %s", status, reason)
			}
			if n := r.notice(id); n == nil || n.Standing != payment.Contradicts {
				t.Errorf("%s: %+v", id, n)
			}
		}
		if after := r.find("o1"); after.String() != before.String() {
			t.Errorf("%v, before %v", after, before)
		}
		var said []string
		for _, c := range r.Checks {
			result, err := c.Run(r.Context(), r.DB)
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, result.Violations...)
		}
		if len(said) != 3 || !strings.Contains(strings.Join(said, " "), "e3") {
			t.Errorf("%q", said)
		}
		for _, id := range []string{"e2", "e3", "e4"} {
			if err := store.DismissNotice(r.Context(), r.DB, "simulator", id); err != nil {
				t.Fatal(err)
			}
		}
		r.check()
	})
}

// A webhook that comes before the call is even made is judged again until its operation has an outcome.
func TestAnOpenWebhookIsJudgedAgain(t *testing.T) {
	each(t, func(r *rig) {
		r.request("o1")
		r.sayCapture("o1")
		if status, _ := r.send(r.hook("e1", "payment.captured", "o1", "capture", 2250)); status != 204 {
			t.Fatal(status)
		}
		if n := r.notice("e1"); n.Standing != payment.Open {
			t.Errorf("%+v", n)
		}
		r.work()
		deadline := time.Now().Add(20 * time.Second)
		for r.notice("e1").Standing == payment.Open && time.Now().Before(deadline) {
			if _, err := r.Workers[1].RunDue(r.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := r.notice("e1"); n.Standing != payment.Agrees || n.JudgedAt.IsZero() {
			t.Errorf("%+v", n)
		}
		if worker.NoticeKind == worker.Kind {
			t.Error("the jobs have one kind")
		}
		r.check()
	})
}

func TestBadWebhookSecretsStopTheStart(t *testing.T) {
	for _, secret := range []string{"secret", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"} {
		_, err := newService(t, secret)
		if err == nil || !strings.Contains(err.Error(), "PAYMENT_WEBHOOK_SECRETS") || strings.Contains(err.Error(), secret+"x") || strings.Contains(err.Error(), "c2hvcnQ") {
			t.Errorf("%q: %v", secret, err)
		}
	}
}
