package provider_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/providertest"
)

// TestLookUp: what became of an operation, while its key is known and after it is forgotten.
func TestLookUp(t *testing.T) {
	authorize, capture, void := op(payment.KindAuthorize, 2250), op(payment.KindCapture, 2250), op(payment.KindVoid, 2250)
	refund := payment.Operation{Kind: payment.KindRefund, Key: "p1:refund:r1", Amount: 250, RefundID: "r1"}
	for _, c := range []struct {
		name      string
		done      []payment.Operation // beside the authorisation
		asked     payment.Operation
		known     bool
		result    payment.Result
		amount    int64
		unclear   bool // an amount that the key's record does not tell
		forgotten bool
	}{
		{name: "authorised", asked: authorize, known: true, result: payment.Succeeded, amount: 2250},
		{name: "authorised, forgotten", asked: authorize, known: true, result: payment.Succeeded, amount: 2250, forgotten: true},
		{name: "captured", done: []payment.Operation{capture}, asked: capture, known: true, result: payment.Succeeded, amount: 2250},
		{name: "captured, forgotten", done: []payment.Operation{capture}, asked: capture, known: true, result: payment.Succeeded, amount: 2250, forgotten: true},
		{name: "not captured", asked: capture},
		{name: "not voided", asked: void, forgotten: true},
		{name: "voided", done: []payment.Operation{void}, asked: void, known: true, result: payment.Succeeded, unclear: true},
		{name: "voided, forgotten", done: []payment.Operation{void}, asked: void, known: true, result: payment.Succeeded, amount: 2250, forgotten: true},
		{name: "captured before the void", done: []payment.Operation{capture}, asked: void, known: true, result: payment.Overtaken},
		{name: "voided before the capture", done: []payment.Operation{void}, asked: capture, known: true, result: payment.Overtaken},
		{name: "refunded", done: []payment.Operation{capture, refund}, asked: refund, known: true, result: payment.Succeeded, amount: 250},
		{name: "refunded, forgotten", done: []payment.Operation{capture, refund}, asked: refund, known: true, result: payment.Succeeded, amount: 250, forgotten: true},
		{name: "not refunded", done: []payment.Operation{capture}, asked: refund, forgotten: true},
	} {
		fake, client := start(t, provider.Config{})
		p := authorized(t, client)
		for _, done := range c.done {
			if out := client.Perform(t.Context(), p, done); out.Result != payment.Succeeded {
				t.Fatalf("%s: %+v", c.name, out)
			}
		}
		fake.Forgetful = c.forgotten
		moves := len(fake.Calls)
		out, known := client.LookUp(t.Context(), p, c.asked)
		if known != c.known || known && out.Result != c.result || !c.unclear && out.Amount != c.amount {
			t.Errorf("%s: %v, %+v", c.name, known, out)
		}
		if known && out.Result == payment.Succeeded && out.Reference != p.ProviderReference {
			t.Errorf("%s: reference %q", c.name, out.Reference)
		}
		if len(fake.Calls) != moves {
			t.Errorf("%s: the look-up moved money", c.name)
		}
	}
}

func TestLookUpOfWhatNeverArrived(t *testing.T) {
	_, c := start(t, provider.Config{})
	if out, known := c.LookUp(t.Context(), order(), op(payment.KindAuthorize, 2250)); known {
		t.Errorf("%+v", out)
	}
}

func TestLookUpOfADecline(t *testing.T) {
	fake, c := start(t, provider.Config{})
	fake.Behave = func(providertest.Call) providertest.Mode { return providertest.Decline }
	c.Perform(t.Context(), order(), op(payment.KindAuthorize, 2250))
	out, known := c.LookUp(t.Context(), order(), op(payment.KindAuthorize, 2250))
	if !known || out.Result != payment.Refused || out.Code != "authorize_declined" || out.Reason == "" {
		t.Errorf("%v, %+v", known, out)
	}
}

func TestLookUpWhileTheProviderWorksOnIt(t *testing.T) {
	fake, c := start(t, provider.Config{Treatment: provider.Treatment{Timeout: 100 * time.Millisecond}})
	fake.Behave = func(providertest.Call) providertest.Mode { return providertest.Processing }
	c.Perform(t.Context(), order(), op(payment.KindAuthorize, 2250))
	if out, known := c.LookUp(t.Context(), order(), op(payment.KindAuthorize, 2250)); !known || out.Result != payment.Unknown {
		t.Errorf("%v, %+v", known, out)
	}
}

// A look-up that fails tells nothing: the operation must not be tried on the strength of it.
func TestLookUpThatFails(t *testing.T) {
	c := client(t, provider.Config{URL: "http://127.0.0.1:1"})
	if out, known := c.LookUp(t.Context(), order(), op(payment.KindAuthorize, 2250)); !known || out.Definite() {
		t.Errorf("%v, %+v", known, out)
	}
}

// What something between here and the provider says of a look-up settles no operation; only its wish to be left alone counts.
func TestLookUpThatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   payment.Result
	}{
		"malformed":                 {400, ``, payment.Unknown},
		"payment required":          {402, `{"error":{"code":"quota"}}`, payment.Unknown},
		"conflict":                  {409, ``, payment.Unknown},
		"too large":                 {413, ``, payment.Unknown},
		"unprocessable":             {422, `{"error":{"code":"invalid"}}`, payment.Unknown},
		"no such path":              {404, ``, payment.Unavailable},
		"no such payment, by 422":   {422, `{"error":{"code":"payment_not_found"}}`, payment.Unknown},
		"no such operation, by 400": {400, `{"error":{"code":"operation_not_found"}}`, payment.Unknown},
		"not allowed":               {403, ``, payment.Unavailable},
		"too many":                  {429, ``, payment.Unavailable},
		"broken":                    {500, ``, payment.Unknown},
		"away":                      {503, `{"error":{"code":"unavailable"}}`, payment.Unavailable},
		"no state":                  {200, `{}`, payment.Unknown},
	} {
		for _, step := range []string{"operation", "payment"} { // the look-up that is refused
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if step == "payment" && strings.HasPrefix(r.URL.Path, "/v1/operations/") {
					w.WriteHeader(http.StatusNotFound)
					_, _ = w.Write([]byte(`{"error":{"code":"operation_not_found"}}`))
					return
				}
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			p := order()
			p.ProviderReference = "pay_1"
			asked := client(t, provider.Config{URL: server.URL})
			for _, kind := range []payment.Kind{payment.KindCapture, payment.KindAuthorize} {
				if name == "no state" && kind == payment.KindAuthorize {
					continue // a list without the order's payment is an answer
				}
				out, known := asked.LookUp(t.Context(), p, op(kind, 2250))
				if !known || out.Result != c.want || c.status != 200 && out.RetryAfter != 7*time.Second {
					t.Errorf("%s of %s at the %s: %v, %+v", name, kind, step, known, out)
				}
			}
			server.Close()
		}
	}
}

// A conflict that can't be resolved leaves open whether the operation took effect, whatever the look-up failed of.
func TestConflictThatCannotBeResolved(t *testing.T) {
	for _, status := range []int{400, 402, 403, 409, 422, 429, 500, 503} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusConflict)
				return
			}
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error":{"code":"unavailable"}}`))
		}))
		out := client(t, provider.Config{URL: server.URL}).Perform(t.Context(), order(), op(payment.KindAuthorize, 2250))
		server.Close()
		if out.Result != payment.Unknown || out.RetryAfter != 7*time.Second {
			t.Errorf("%d: %+v", status, out)
		}
	}
}

// Conflicts are resolved by the payment's true state.
func TestConflicts(t *testing.T) {
	capture, void := op(payment.KindCapture, 2250), op(payment.KindVoid, 2250)
	again := func(of payment.Operation) payment.Operation { of.Key += ":again"; return of }
	for _, c := range []struct {
		name   string
		first  payment.Operation
		second payment.Operation
		want   payment.Result
		code   string
	}{
		{"void of a captured payment", capture, void, payment.Overtaken, "payment_captured"},
		{"capture of a voided payment", void, capture, payment.Overtaken, "payment_voided"},
		{"void under another key", void, again(void), payment.Succeeded, ""},
		{"capture under another key", capture, again(capture), payment.Succeeded, ""},
		{"refund of what is voided", void, payment.Operation{Kind: payment.KindRefund, Key: "r", Amount: 1}, payment.Refused, "invalid_state"},
		{"refund of too much", capture, payment.Operation{Kind: payment.KindRefund, Key: "r", Amount: 2251}, payment.Refused, "amount_too_large"},
	} {
		_, client := start(t, provider.Config{})
		p := authorized(t, client)
		client.Perform(t.Context(), p, c.first)
		out := client.Perform(t.Context(), p, c.second)
		if out.Result != c.want || out.Code != c.code {
			t.Errorf("%s: %+v", c.name, out)
		}
		if c.want == payment.Overtaken && out.Captured != map[string]int64{"payment_captured": 2250, "payment_voided": 0}[c.code] {
			t.Errorf("%s: captured %d", c.name, out.Captured)
		}
	}
}

func TestCaptureOfAnUnknownPayment(t *testing.T) {
	_, c := start(t, provider.Config{})
	p := order()
	p.ProviderReference = "pay_gone"
	for _, kind := range []payment.Kind{payment.KindCapture, payment.KindVoid} {
		if out := c.Perform(t.Context(), p, op(kind, 2250)); out.Result != payment.Refused || out.Code != "payment_not_found" {
			t.Errorf("%s: %+v", kind, out)
		}
		if out, known := c.LookUp(t.Context(), p, op(kind, 2250)); !known || out.Code != "payment_not_found" {
			t.Errorf("look-up of %s: %v, %+v", kind, known, out)
		}
	}
}
