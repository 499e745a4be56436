package channel

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/notifier/internal/notifier"
)

const secret = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5"

func letter(to string) Letter {
	return Letter{
		DeliveryID: "0192", Recipient: to, Message: notifier.Message{Subject: "We received your payment", Body: "thank you"},
		Fact: notifier.Fact{Type: "orderflow.order.v1.OrderPaid", OrderID: "o1", OrderNumber: "ORD1", UserID: "u1", Name: "Kim", Email: "kim@example.com", Amount: 5, Currency: "KRW"},
	}
}

func webhook(t *testing.T, handler http.HandlerFunc) (*Webhook, string) {
	t.Helper()
	receiver := httptest.NewServer(handler)
	t.Cleanup(receiver.Close)
	w, err := NewWebhook(WebhookConfig{URL: receiver.URL, Secret: secret, Timeout: 2 * time.Second, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w, receiver.URL
}

func TestWebhookIsSignedAndCarriesNoPersonalData(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	var verdict error
	w, url := webhook(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, verdict = string(body), verifier.Verify(body, r.Header)
		if r.Header.Get("webhook-id") != "0192" {
			t.Errorf("webhook-id is %q", r.Header.Get("webhook-id"))
		}
	})
	if err := w.Send(t.Context(), letter(url)); err != nil {
		t.Fatal(err)
	}
	if verdict != nil {
		t.Errorf("the signature does not verify: %v", verdict)
	}
	if !strings.Contains(got, `"orderId":"o1"`) || strings.Contains(got, "Kim") || strings.Contains(got, "kim@") {
		t.Errorf("body %s", got)
	}
}

func TestWebhookAnswers(t *testing.T) {
	for _, c := range []struct {
		code    int
		after   string
		refused bool
		retry   time.Duration
	}{
		{code: 200}, {code: 204},
		{code: 301, refused: true}, // a redirect is not followed
		{code: 400, refused: true}, {code: 404, refused: true}, {code: 410, refused: true},
		{code: 408}, {code: 429, after: "7", retry: 7 * time.Second}, {code: 500}, {code: 503, after: "86400", retry: time.Hour},
	} {
		w, url := webhook(t, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			if c.after != "" {
				rw.Header().Set("Retry-After", c.after)
			}
			rw.WriteHeader(c.code)
		})
		err := w.Send(t.Context(), letter(url))
		if success := c.code < 300; success != (err == nil) || Refused(err) != c.refused || RetryAfter(err) != c.retry {
			t.Errorf("%d: err %v, refused %v, retry after %s", c.code, err, Refused(err), RetryAfter(err))
		}
	}
}

func TestWebhookReceiverAwayIsWorthARetry(t *testing.T) {
	w, url := webhook(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if err := w.Send(t.Context(), letter(url)); err == nil || Refused(err) {
		t.Fatalf("got %v", err)
	}
}

func TestWebhookConfigurationErrorsNameTheVariable(t *testing.T) {
	for want, cfg := range map[string]WebhookConfig{
		"WEBHOOK_URL":         {URL: "ftp://x", Secret: secret},
		"WEBHOOK_SECRET":      {URL: "http://x", Secret: "whsec_%%"},
		"WEBHOOK_SECRET must": {URL: "http://x"},
	} {
		if _, err := NewWebhook(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %s, got %v", want, err)
		}
	}
}
