package provider_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/providertest"
)

func start(t *testing.T, cfg provider.Config) (*providertest.Provider, *provider.Client) {
	t.Helper()
	fake := providertest.Start(t)
	cfg.URL = fake.URL
	return fake, client(t, cfg)
}

func client(t *testing.T, cfg provider.Config) *provider.Client {
	t.Helper()
	c, err := provider.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// order is a payment of 2,250 KRW that nobody was asked for yet.
func order() *payment.Payment {
	return &payment.Payment{OrderID: "o1", ID: "p1", Amount: 2250, Currency: "KRW", Token: "tok_ok"}
}

func op(kind payment.Kind, amount int64) payment.Operation {
	return payment.Operation{Kind: kind, Key: "p1:" + string(kind), Amount: amount}
}

// authorized is a payment that the provider holds.
func authorized(t *testing.T, c *provider.Client) *payment.Payment {
	t.Helper()
	p := order()
	out := c.Perform(t.Context(), p, op(payment.KindAuthorize, 2250))
	if out.Result != payment.Succeeded {
		t.Fatalf("%+v", out)
	}
	p.ProviderReference = out.Reference
	return p
}

func TestTheGoodWay(t *testing.T) {
	fake, c := start(t, provider.Config{})
	p := authorized(t, c)
	if out := c.Perform(t.Context(), p, op(payment.KindCapture, 2250)); out.Result != payment.Succeeded || out.Amount != 2250 {
		t.Fatalf("capture: %+v", out)
	}
	refund := payment.Operation{Kind: payment.KindRefund, Key: "p1:refund:r1", Amount: 250, RefundID: "r1"}
	for range 2 {
		if out := c.Perform(t.Context(), p, refund); out.Result != payment.Succeeded || out.Amount != 250 {
			t.Fatalf("refund: %+v", out)
		}
	}
	held := fake.Payments()
	if len(held) != 1 || held[0].Captured != 2250 || held[0].Refunded != 250 || held[0].Reference != "o1" || held[0].Key != "p1:authorize" {
		t.Errorf("%+v", held)
	}
}

func TestVoid(t *testing.T) {
	fake, c := start(t, provider.Config{})
	p := authorized(t, c)
	if out := c.Perform(t.Context(), p, op(payment.KindVoid, 2250)); out.Result != payment.Succeeded || out.Amount != 2250 {
		t.Fatalf("%+v", out)
	}
	if held := fake.Payments(); held[0].Status != "voided" {
		t.Errorf("%+v", held)
	}
}

// TestModes: what each failure of the provider means for the money.
func TestModes(t *testing.T) {
	for mode, want := range map[providertest.Mode]payment.Outcome{
		providertest.Decline:     {Result: payment.Refused, Code: "authorize_declined", Reason: "The authorize was declined."},
		providertest.Unavailable: {Result: payment.Unavailable, RetryAfter: 2 * time.Second},
		providertest.Broken:      {Result: payment.Unknown},
		providertest.LoseAnswer:  {Result: payment.Unknown},
		providertest.Hang:        {Result: payment.Unknown},
	} {
		fake, c := start(t, provider.Config{Treatment: provider.Treatment{Timeout: 100 * time.Millisecond}})
		fake.Behave = func(providertest.Call) providertest.Mode { return mode }
		out := c.Perform(t.Context(), order(), op(payment.KindAuthorize, 2250))
		if out.Result != want.Result || out.RetryAfter != want.RetryAfter {
			t.Errorf("%s: %+v", mode, out)
		}
		if want.Code != "" && (out.Code != want.Code || out.Reason != want.Reason) {
			t.Errorf("%s: %q, %q", mode, out.Code, out.Reason)
		}
		if !out.Definite() && (out.Cause == nil || strings.Contains(out.Cause.Error(), "tok_ok")) {
			t.Errorf("%s: the cause is %v", mode, out.Cause)
		}
	}
}

// TestAnswers: what any answer means, whoever gives it.
func TestAnswers(t *testing.T) {
	long := strings.Repeat("é", 600)
	for name, c := range map[string]struct {
		status int
		body   string
		want   payment.Result
		code   string
	}{
		"declined":              {402, `{"error":{"code":"card_declined","message":"No.\u0000"}}`, payment.Refused, "card_declined"},
		"declined, no body":     {402, ``, payment.Refused, "http_402"},
		"declined, long words":  {402, `{"error":{"code":"card_declined","message":"` + long + `"}}`, payment.Refused, "card_declined"},
		"invalid":               {400, `{"error":{"code":"invalid_request","message":"amount"}}`, payment.Refused, "invalid_request"},
		"unprocessable":         {422, `{}`, payment.Refused, "http_422"},
		"body too large":        {413, `{"error":{"code":"body_too_large"}}`, payment.Refused, "body_too_large"},
		"bad credentials":       {401, ``, payment.Unavailable, ""},
		"forbidden":             {403, ``, payment.Unavailable, ""},
		"wrong path":            {404, `<html>`, payment.Unavailable, ""},
		"wrong method":          {405, ``, payment.Unavailable, ""},
		"too many":              {429, ``, payment.Unavailable, ""},
		"moved":                 {307, ``, payment.Unknown, ""},
		"request time-out":      {408, ``, payment.Unknown, ""},
		"provider fails":        {500, `{"error":{"code":"internal_error"}}`, payment.Unknown, "internal_error"},
		"gateway fails":         {502, `<html>`, payment.Unknown, ""},
		"says it is away":       {503, `{"error":{"code":"unavailable"}}`, payment.Unavailable, "unavailable"},
		"gateway finds nobody":  {503, `<html>`, payment.Unknown, ""},
		"gateway lost patience": {504, ``, payment.Unknown, ""},
		"no JSON":               {201, `<html>`, payment.Unknown, ""},
		"no id":                 {201, `{"amount":2250,"currency":"KRW"}`, payment.Unknown, ""},
		"another amount":        {201, `{"id":"pay_1","amount":2251,"currency":"KRW"}`, payment.Unknown, ""},
		"another currency":      {201, `{"id":"pay_1","amount":2250,"currency":"USD"}`, payment.Unknown, ""},
		"more than it may be":   {201, `{"id":"` + strings.Repeat("x", 1<<20) + `"}`, payment.Unknown, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		out := client(t, provider.Config{URL: server.URL}).Perform(t.Context(), order(), op(payment.KindAuthorize, 2250))
		server.Close()
		if out.Result != c.want || out.Code != c.code {
			t.Errorf("%s: %s, code %q, %v", name, out.Result, out.Code, out.Cause)
		}
		if strings.Contains(out.Reason, "\x00") || len([]rune(out.Reason)) > 500 {
			t.Errorf("%s: reason %q", name, out.Reason)
		}
	}
}

// A success that moved another sum, or none, is not believed.
func TestAnswersOfOtherOperations(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	defer server.Close()
	c := client(t, provider.Config{URL: server.URL})
	for _, kind := range []payment.Kind{payment.KindCapture, payment.KindVoid, payment.KindRefund} {
		if out := c.Perform(t.Context(), order(), op(kind, 2250)); out.Result != payment.Unknown {
			t.Errorf("%s: %+v", kind, out)
		}
	}
	if out := c.Perform(t.Context(), order(), op("steal", 1)); out.Result != payment.Refused {
		t.Errorf("%+v", out)
	}
}

// What was never sent took no effect.
func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	named := strings.Replace(server.URL, "http://", "http://hidden:hidden@", 1)
	out := client(t, provider.Config{URL: named}).Perform(t.Context(), order(), op(payment.KindAuthorize, 2250))
	if out.Result != payment.Unavailable || out.Cause == nil || strings.Contains(out.Cause.Error(), "hidden") {
		t.Errorf("%+v", out)
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "": 0, "soon": 0, "-1": 0, "Mon, 02 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Mon, 02 Nov 2026 11:00:00 GMT": 0, "99999999": 24 * time.Hour,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", "Mon, 02 Nov 2026 12:00:00 GMT")
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		out := client(t, provider.Config{URL: server.URL}).Perform(t.Context(), order(), op(payment.KindAuthorize, 2250))
		server.Close()
		if out.RetryAfter != want {
			t.Errorf("%q: %s, want %s", header, out.RetryAfter, want)
		}
	}
}

func TestBadConfiguration(t *testing.T) {
	for _, cfg := range []provider.Config{
		{}, {URL: "localhost:80"}, {URL: "ftp://host"}, {URL: "http://"},
		{URL: "http://host", Treatment: provider.Treatment{Timeout: -1}}, {URL: "http://host", Treatment: provider.Treatment{Connections: -1}},
	} {
		if _, err := provider.New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// The circuit opens when half of the calls fail: the provider is left alone, nothing counts as tried. After the pause it
// closes again once calls succeed.
func TestCircuit(t *testing.T) {
	fake, c := start(t, provider.Config{Treatment: provider.Treatment{Breaker: provider.Breaker{Calls: 4, Pause: 50 * time.Millisecond}}})
	var away atomic.Bool
	away.Store(true)
	fake.Behave = func(providertest.Call) providertest.Mode {
		if away.Load() {
			return providertest.Unavailable
		}
		return providertest.OK
	}
	attempt := func() payment.Outcome { return c.Perform(t.Context(), order(), op(payment.KindAuthorize, 2250)) }
	var results []payment.Result
	for range 6 {
		results = append(results, attempt().Result)
	}
	want := []payment.Result{payment.Unavailable, payment.Unavailable, payment.Unavailable, payment.Unavailable, payment.Paused, payment.Paused}
	if !slices.Equal(results, want) || len(fake.Calls) != 4 {
		t.Fatalf("%v, %d calls arrived", results, len(fake.Calls))
	}
	if out := attempt(); out.RetryAfter != 50*time.Millisecond {
		t.Errorf("wants to be asked after %s", out.RetryAfter)
	}
	afterPause := func() payment.Result {
		deadline := time.Now().Add(10 * time.Second)
		for {
			out := attempt()
			if out.Result != payment.Paused {
				return out.Result
			}
			if time.Now().After(deadline) {
				t.Fatal("the circuit stays open")
			}
		}
	}
	if got := afterPause(); got != payment.Unavailable || attempt().Result != payment.Paused {
		t.Errorf("a call after the pause fails: %s; it must be the only one", got)
	}
	away.Store(false)
	if got := afterPause(); got != payment.Succeeded {
		t.Errorf("the provider is back: %s", got)
	}
	away.Store(true)
	for n := range 3 { // the circuit is closed: it takes four failures again
		another := payment.Operation{Kind: payment.KindAuthorize, Key: fmt.Sprint("another", n), Amount: 2250}
		if out := c.Perform(t.Context(), order(), another); out.Result != payment.Unavailable {
			t.Errorf("failure %d after the success: %s", n+1, out.Result)
		}
	}
}

// Definite refusals say that the provider works.
func TestRefusalsDoNotOpenTheCircuit(t *testing.T) {
	fake, c := start(t, provider.Config{Treatment: provider.Treatment{Breaker: provider.Breaker{Calls: 2, Pause: time.Hour}}})
	fake.Behave = func(providertest.Call) providertest.Mode { return providertest.Decline }
	for range 10 {
		if out := c.Perform(t.Context(), order(), op(payment.KindAuthorize, 2250)); out.Result != payment.Refused {
			t.Fatalf("%+v", out)
		}
	}
}
