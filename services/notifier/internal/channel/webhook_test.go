package channel

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/notifier/internal/channel/channeltest"
	"orderflow.example/notifier/internal/notifier"
)

func letter(to string) Letter {
	return Letter{
		DeliveryID: "0192", Recipient: to, Message: notifier.Message{Subject: "We received your payment", Body: "thank you"},
		Fact: notifier.Fact{Type: "orderflow.order.v1.OrderPaid", OrderID: "o1", OrderNumber: "ORD1", UserID: "u1", Name: "Kim", Email: "kim@example.com", Amount: 5, Currency: "KRW"},
	}
}

func webhook(t *testing.T, url string) *Webhook {
	t.Helper()
	w, err := NewWebhook(WebhookConfig{URL: url, Secret: channeltest.Secret, Timeout: 2 * time.Second, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestWebhookIsSignedAndCarriesNoPersonalData(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(channeltest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	r := channeltest.NewReceiver(t)
	if err := webhook(t, r.URL).Send(t.Context(), letter(r.URL)); err != nil {
		t.Fatal(err)
	}
	got := r.Posts()[0]
	if err := verifier.Verify([]byte(got.Body), got.Header); err != nil {
		t.Errorf("the signature does not verify: %v", err)
	}
	if id := got.Header.Get("webhook-id"); id != "0192" {
		t.Errorf("webhook-id is %q", id)
	}
	if !strings.Contains(got.Body, `"orderId":"o1"`) || strings.Contains(got.Body, "Kim") || strings.Contains(got.Body, "kim@") {
		t.Errorf("body %s", got.Body)
	}
}

func TestWebhookAnswers(t *testing.T) {
	r := channeltest.NewReceiver(t)
	w := webhook(t, r.URL)
	for _, c := range []struct {
		code    int
		after   string
		refused bool
		retry   time.Duration
	}{
		{code: 200}, {code: 204},
		{code: 301, refused: true}, // a redirect is not followed
		{code: 400, refused: true}, {code: 404, refused: true}, {code: 410, refused: true, after: "7"},
		{code: 408}, {code: 425}, {code: 429, after: "7", retry: 7 * time.Second}, {code: 429, after: "-7"},
		{code: 500}, {code: 503, after: "86400", retry: time.Hour}, {code: 503, after: "soon"},
		{code: 503, after: "Thu, 01 Jan 2099 00:00:00 GMT", retry: time.Hour}, {code: 503, after: "Thu, 01 Jan 2015 00:00:00 GMT"},
	} {
		r.Answer(c.code, c.after)
		err := w.Send(t.Context(), letter(r.URL))
		if c.code < 300 {
			if err != nil {
				t.Errorf("%d: %v", c.code, err)
			}
			continue
		}
		if f := failure(t, err); f.Refused != c.refused || f.RetryAfter != c.retry {
			t.Errorf("%d %s: %+v", c.code, c.after, f)
		}
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := retryAfter("Thu, 01 Jan 2026 00:01:30 GMT", now); got != 90*time.Second {
		t.Errorf("got %s", got)
	}
}

func TestWebhookReceiverAwayIsWorthARetry(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(receiver.Close)
	err := webhook(t, receiver.URL).Send(t.Context(), letter(receiver.URL+"/secret-path"))
	if f := failure(t, err); f.Refused || f.Cause == nil || strings.Contains(err.Error(), "secret-path") {
		t.Fatalf("got %v", err)
	}
}

func TestARecipientThatIsNoURLIsRefused(t *testing.T) {
	if f := failure(t, webhook(t, "http://127.0.0.1:1").Send(t.Context(), letter("http://\x7f"))); !f.Refused {
		t.Fatalf("got %+v", f)
	}
}
