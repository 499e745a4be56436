package stripe_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/stripe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, base string) *stripe.Client {
	t.Helper()
	c, err := stripe.New(stripe.Config{Key: "sk_test_123", URL: base, Treatment: provider.Treatment{
		Timeout: 2 * time.Second, Breaker: provider.Breaker{Calls: 1000},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func order() *payment.Payment {
	return &payment.Payment{OrderID: "o1", ID: "p1", Amount: 2250, Currency: "KRW", Token: "pm_card_visa"}
}

func asProviderError(err error, failed **provider.Error) bool { return errors.As(err, failed) }

// answer is what the server says to one call.
type answer struct {
	status int // 0: the connection is cut
	body   string
	header map[string]string
}

// call is a request as it arrived.
type call struct {
	method, path, key string
	form              url.Values
}

// server answers in turn: for each "METHOD path", the answers in order, the last one again and again.
type server struct {
	sync.Mutex
	answers map[string][]answer
	calls   []call
	url     string
}

// answer changes what is said to one kind of call from now on.
func (s *server) answer(call string, with answer) {
	s.Lock()
	defer s.Unlock()
	s.answers[call] = []answer{with}
}

// heard are the calls so far.
func (s *server) heard() []call {
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.calls)
}

func serve(t *testing.T, answers map[string][]answer) (*server, *stripe.Client) {
	t.Helper()
	s := &server{answers: answers}
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			t.Error(err)
		}
		for name, values := range r.URL.Query() {
			form[name] = values
		}
		got := call{r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), form}
		s.Lock()
		s.calls = append(s.calls, got)
		queue := s.answers[got.method+" "+got.path]
		if len(queue) > 1 {
			s.answers[got.method+" "+got.path] = queue[1:]
		}
		s.Unlock()
		if r.Header.Get("Authorization") != "Bearer sk_test_123" {
			t.Errorf("authorised by %q", r.Header.Get("Authorization"))
		}
		switch {
		case len(queue) == 0:
			t.Errorf("unexpected %s %s", got.method, got.path)
			w.WriteHeader(http.StatusTeapot)
		case queue[0].status == 0:
			panic(http.ErrAbortHandler)
		default:
			for name, value := range queue[0].header {
				w.Header().Set(name, value)
			}
			w.Header().Set("Request-Id", "req_1")
			w.WriteHeader(queue[0].status)
			_, _ = io.WriteString(w, queue[0].body) // the client may have gone
		}
	}))
	t.Cleanup(running.Close)
	s.url = running.URL
	return s, client(t, running.URL)
}

// intent is a PaymentIntent in Stripe's form.
func intent(status, more string) string {
	return fmt.Sprintf(`{"id":"pi_1","object":"payment_intent","amount":2250,"currency":"krw","created":1767225600,"status":%q,
		"client_secret":"pi_1_secret_x","metadata":{"order_id":"o1","payment_id":"p1","operation":"p1:authorize"}%s}`, status, more)
}

func failure(kind, code, more string) string {
	return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"Stripe's words."%s}}`, kind, code, more)
}

func refundBody(status string) string {
	return fmt.Sprintf(`{"id":"re_1","object":"refund","amount":250,"currency":"krw","payment_intent":"pi_1","status":%q,
		"metadata":{"order_id":"o1","payment_id":"p1","refund_id":"r1","operation":"p1:refund:r1"}}`, status)
}

func list(items ...string) string {
	return `{"object":"list","has_more":false,"data":[` + strings.Join(items, ",") + `]}`
}

var (
	authorize = payment.Operation{Kind: payment.KindAuthorize, Key: "p1:authorize", Amount: 2250}
	capture   = payment.Operation{Kind: payment.KindCapture, Key: "p1:capture", Amount: 2250}
	void      = payment.Operation{Kind: payment.KindVoid, Key: "p1:void", Amount: 2250}
	refund    = payment.Operation{Kind: payment.KindRefund, Key: "p1:refund:r1", Amount: 250, RefundID: "r1"}
)

const (
	intents = "/v1/payment_intents"
	refunds = "/v1/refunds"
	search  = "GET /v1/payment_intents/search"
	get     = "GET /v1/payment_intents/pi_1"
)

// A payment from hold to refund: what is sent, under which key, and what comes of it.
func TestAPaymentThroughItsLife(t *testing.T) {
	s, c := serve(t, map[string][]answer{
		"POST " + intents:                   {{200, intent("requires_capture", `,"amount_capturable":2250`), nil}},
		"POST " + intents + "/pi_1/capture": {{200, intent("succeeded", `,"amount_received":2250`), nil}},
		"POST " + intents + "/pi_1/cancel":  {{200, intent("canceled", ""), nil}},
		"POST " + refunds:                   {{200, refundBody("succeeded"), nil}},
	})
	p := order()
	for _, op := range []payment.Operation{authorize, capture, void, refund} {
		out := c.Perform(t.Context(), p, op)
		if out.Result != payment.Succeeded || out.Amount != op.Amount || out.Reference != "pi_1" || out.Provider != "stripe" {
			t.Errorf("%s: %+v", op.Kind, out)
		}
		p.ProviderReference = "pi_1"
	}
	for i, want := range []map[string]string{
		{"amount": "2250", "currency": "krw", "capture_method": "manual", "confirm": "true", "payment_method": "pm_card_visa", "error_on_requires_action": "true",
			"payment_method_types[0]": "card", "metadata[order_id]": "o1", "metadata[payment_id]": "p1", "metadata[operation]": "p1:authorize"},
		{"amount_to_capture": "2250"},
		{},
		{"payment_intent": "pi_1", "amount": "250", "metadata[refund_id]": "r1", "metadata[operation]": "p1:refund:r1", "metadata[order_id]": "o1", "metadata[payment_id]": "p1"},
	} {
		for name, value := range want {
			if got := s.heard()[i].form.Get(name); got != value {
				t.Errorf("call %d: %s is %q, want %q", i, name, got, value)
			}
		}
		if len(s.heard()[i].form) != len(want) {
			t.Errorf("call %d sends %v", i, s.heard()[i].form)
		}
	}
	for i, key := range []string{"p1:authorize", "p1:capture", "p1:void", "p1:refund:r1"} {
		if s.heard()[i].key != key {
			t.Errorf("call %d has the key %q", i, s.heard()[i].key)
		}
	}
}

// otherMode is Stripe's answer to a key of the test mode that names what the live mode has.
const otherMode = `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"payment_method",
	"message":"No such PaymentMethod: 'pm_1'; a similar object exists in live mode, but a test mode key was used to make this request."}}`

// What each of Stripe's answers means for the money, and that the library repeats none by itself.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		op     payment.Operation
		answer answer
		want   payment.Result
		code   string
	}{
		"declined by the bank":      {authorize, answer{402, failure("card_error", "card_declined", `,"decline_code":"insufficient_funds","payment_intent":`+intent("requires_payment_method", "")), nil}, payment.Refused, "insufficient_funds"},
		"declined, no reason":       {authorize, answer{402, failure("card_error", "card_declined", ""), nil}, payment.Refused, "card_declined"},
		"needs the customer":        {authorize, answer{402, failure("card_error", "authentication_required", ""), nil}, payment.Refused, "authentication_required"},
		"expired card":              {authorize, answer{402, failure("card_error", "expired_card", ""), nil}, payment.Refused, "expired_card"},
		"no such payment method":    {authorize, answer{400, failure("invalid_request_error", "resource_missing", `,"param":"payment_method"`), nil}, payment.Refused, "resource_missing"},
		"more than Stripe takes":    {authorize, answer{400, failure("invalid_request_error", "amount_too_large", `,"param":"amount"`), nil}, payment.Refused, "amount_too_large"},
		"too little":                {authorize, answer{400, failure("invalid_request_error", "amount_too_small", `,"param":"amount"`), nil}, payment.Refused, "amount_too_small"},
		"malformed":                 {authorize, answer{400, failure("invalid_request_error", "", ""), nil}, payment.Refused, "invalid_request_error"},
		"too fast":                  {authorize, answer{429, failure("invalid_request_error", "rate_limit", ""), map[string]string{"Retry-After": "3"}}, payment.Unavailable, "rate_limit"},
		"locked":                    {capture, answer{429, failure("invalid_request_error", "lock_timeout", ""), nil}, payment.Unavailable, "lock_timeout"},
		"a wrong key of ours":       {authorize, answer{401, failure("invalid_request_error", "", ""), nil}, payment.Unavailable, ""},
		"a key with too few rights": {authorize, answer{403, failure("invalid_request_error", "", ""), nil}, payment.Unavailable, ""},
		"another account's key":     {capture, answer{404, failure("invalid_request_error", "resource_missing", `,"param":"intent"`), nil}, payment.Unavailable, ""},
		"a live key's test charge":  {authorize, answer{400, failure("invalid_request_error", "testmode_charges_only", ""), nil}, payment.Unavailable, ""},
		"a token of another mode":   {authorize, answer{400, failure("invalid_request_error", "livemode_mismatch", ""), nil}, payment.Unavailable, ""},
		"an account that is not":    {authorize, answer{400, failure("invalid_request_error", "account_invalid", ""), nil}, payment.Unavailable, ""},
		"a publishable key":         {authorize, answer{400, failure("invalid_request_error", "secret_key_required", ""), nil}, payment.Unavailable, ""},
		"a method of the live mode": {authorize, answer{400, otherMode, nil}, payment.Unavailable, "resource_missing"},
		"the first call runs still": {authorize, answer{409, failure("invalid_request_error", "idempotency_key_in_use", ""), nil}, payment.Unknown, ""},
		"request time-out":          {authorize, answer{408, failure("invalid_request_error", "", ""), nil}, payment.Unknown, ""},
		"a conflict":                {authorize, answer{409, failure("invalid_request_error", "", ""), nil}, payment.Unknown, ""},
		"locked by another call":    {capture, answer{409, failure("invalid_request_error", "lock_timeout", ""), nil}, payment.Unknown, "lock_timeout"},
		"a dependency failed":       {authorize, answer{424, failure("invalid_request_error", "", ""), nil}, payment.Unknown, ""},
		"an unknown status":         {authorize, answer{418, failure("invalid_request_error", "", ""), nil}, payment.Unknown, ""},
		"an unknown kind of error":  {authorize, answer{400, failure("new_error", "", ""), nil}, payment.Unknown, ""},
		"unprocessable":             {authorize, answer{422, failure("invalid_request_error", "", ""), nil}, payment.Refused, ""},
		"Stripe fails":              {authorize, answer{500, failure("api_error", "", ""), nil}, payment.Unknown, ""},
		"Stripe is away":            {authorize, answer{503, failure("api_error", "", ""), nil}, payment.Unknown, ""},
		"a gateway fails":           {authorize, answer{502, "<html>", nil}, payment.Unknown, ""},
		"no answer":                 {authorize, answer{}, payment.Unknown, ""},
		"no JSON":                   {authorize, answer{200, "<html>", nil}, payment.Unknown, ""},
		"being processed":           {authorize, answer{200, intent("processing", ""), nil}, payment.Unknown, ""},
		"an unknown state":          {authorize, answer{200, intent("new_state", ""), nil}, payment.Unknown, ""},
		"another currency":          {authorize, answer{200, strings.Replace(intent("requires_capture", ""), "krw", "usd", 1), nil}, payment.Unknown, ""},
		"another amount":            {authorize, answer{200, strings.Replace(intent("requires_capture", ""), "2250", "2251", 1), nil}, payment.Unknown, ""},
		"not charged":               {authorize, answer{200, intent("requires_payment_method", `,"last_payment_error":{"type":"card_error","code":"card_declined","decline_code":"lost_card","message":"No."}`), nil}, payment.Refused, "lost_card"},
		"refund on its way":         {refund, answer{200, refundBody("pending"), nil}, payment.Unknown, ""},
		"refund failed":             {refund, answer{200, refundBody("failed"), nil}, payment.Refused, "refund_failed"},
		"nothing to refund":         {refund, answer{400, failure("invalid_request_error", "charge_not_refundable", ""), nil}, payment.Refused, "charge_not_refundable"},
	} {
		t.Run(name, func(t *testing.T) {
			path := map[payment.Kind]string{payment.KindAuthorize: intents, payment.KindCapture: intents + "/pi_1/capture", payment.KindRefund: refunds}[c.op.Kind]
			s, stripe := serve(t, map[string][]answer{"POST " + path: {c.answer}})
			p := order()
			if c.op.Kind != payment.KindAuthorize {
				p.ProviderReference = "pi_1"
			}
			out := stripe.Perform(t.Context(), p, c.op)
			if out.Result != c.want || c.code != "" && out.Code != c.code {
				t.Errorf("%+v", out)
			}
			if c.answer.header != nil && out.RetryAfter != 3*time.Second {
				t.Errorf("again after %s", out.RetryAfter)
			}
			if text := fmt.Sprint(out.Cause); strings.Contains(text, "_secret") || strings.Contains(text, "pm_card") || strings.Contains(text, "sk_test") {
				t.Errorf("the cause tells too much: %s", text)
			}
			if len(s.heard()) > 1 && c.answer.status != 0 {
				t.Errorf("%d calls", len(s.heard()))
			}
		})
	}
}

// Nobody listens: it took no effect.
func TestNotReached(t *testing.T) {
	if out := client(t, "http://127.0.0.1:1").Perform(t.Context(), order(), authorize); out.Result != payment.Unavailable {
		t.Errorf("%+v", out)
	}
}

func TestNoTokenIsNoCall(t *testing.T) {
	_, c := serve(t, nil)
	p := order()
	p.Token = ""
	if out := c.Perform(t.Context(), p, authorize); out.Result != payment.Refused || out.Code != "payment_token_missing" {
		t.Errorf("%+v", out)
	}
}

// What became of an operation that may have reached Stripe, by what Stripe shows of the payment.
func TestLookUp(t *testing.T) {
	captured := intent("succeeded", `,"amount_received":2250`)
	other := strings.Replace(intent("requires_capture", ""), "p1:authorize", "p0:authorize", 1)
	for name, c := range map[string]struct {
		op     payment.Operation
		path   string
		answer answer
		known  bool
		want   payment.Result
	}{
		"authorised":                 {authorize, search, answer{200, list(other, intent("requires_capture", "")), nil}, true, payment.Succeeded},
		"authorised, captured since": {authorize, search, answer{200, list(captured), nil}, true, payment.Succeeded},
		"declined":                   {authorize, search, answer{200, list(intent("requires_payment_method", "")), nil}, true, payment.Refused},
		"nothing found":              {authorize, search, answer{200, list(), nil}, false, 0},
		"another's only":             {authorize, search, answer{200, list(other), nil}, false, 0},
		"still processed":            {authorize, search, answer{200, list(intent("processing", "")), nil}, true, payment.Unknown},
		"the search is refused":      {authorize, search, answer{400, failure("invalid_request_error", "", ""), nil}, true, payment.Unknown},
		"the search fails":           {authorize, search, answer{500, failure("api_error", "", ""), nil}, true, payment.Unknown},
		"too fast":                   {authorize, search, answer{429, failure("invalid_request_error", "rate_limit", ""), nil}, true, payment.Unavailable},
		"captured":                   {capture, get, answer{200, captured, nil}, true, payment.Succeeded},
		"not captured":               {capture, get, answer{200, intent("requires_capture", ""), nil}, false, 0},
		"canceled before":            {capture, get, answer{200, intent("canceled", ""), nil}, true, payment.Overtaken},
		"another sum captured":       {capture, get, answer{200, intent("succeeded", `,"amount_received":9`), nil}, true, payment.Unknown},
		"voided":                     {void, get, answer{200, intent("canceled", ""), nil}, true, payment.Succeeded},
		"not voided":                 {void, get, answer{200, intent("requires_capture", ""), nil}, false, 0},
		"captured before":            {void, get, answer{200, captured, nil}, true, payment.Overtaken},
		"a payment that is missing":  {void, get, answer{404, failure("invalid_request_error", "resource_missing", ""), nil}, true, payment.Unavailable},
		"refunded":                   {refund, "GET " + refunds, answer{200, list(refundBody("succeeded")), nil}, true, payment.Succeeded},
		"refund on its way":          {refund, "GET " + refunds, answer{200, list(refundBody("pending")), nil}, true, payment.Unknown},
		"refund failed":              {refund, "GET " + refunds, answer{200, list(refundBody("failed")), nil}, true, payment.Refused},
		"not refunded":               {refund, "GET " + refunds, answer{200, list(), nil}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, stripe := serve(t, map[string][]answer{c.path: {c.answer}})
			p := order()
			p.ProviderReference = "pi_1"
			out, known := stripe.LookUp(t.Context(), p, c.op)
			if known != c.known || known && out.Result != c.want {
				t.Errorf("%v, %+v", known, out)
			}
			if c.path == search && s.heard()[0].form.Get("query") != "metadata['payment_id']:'p1'" {
				t.Errorf("%v", s.heard()[0].form)
			}
		})
	}
}

// A call that meets another state than it needs is decided by the state.
func TestConflicts(t *testing.T) {
	unexpected := answer{400, failure("invalid_request_error", "payment_intent_unexpected_state", ""), nil}
	reused := answer{400, failure("idempotency_error", "", ""), nil}
	for name, c := range map[string]struct {
		op    payment.Operation
		call  string
		first answer
		state answer
		want  payment.Result
	}{
		"captured twice":         {capture, intents + "/pi_1/capture", unexpected, answer{200, intent("succeeded", `,"amount_received":2250`), nil}, payment.Succeeded},
		"captured after cancel":  {capture, intents + "/pi_1/capture", unexpected, answer{200, intent("canceled", ""), nil}, payment.Overtaken},
		"canceled after capture": {void, intents + "/pi_1/cancel", unexpected, answer{200, intent("succeeded", `,"amount_received":2250`), nil}, payment.Overtaken},
		"nobody knows":           {void, intents + "/pi_1/cancel", unexpected, answer{500, failure("api_error", "", ""), nil}, payment.Unknown},
		"neither":                {void, intents + "/pi_1/cancel", unexpected, answer{200, intent("requires_capture", ""), nil}, payment.Refused},
		"a key used otherwise":   {capture, intents + "/pi_1/capture", reused, answer{200, intent("requires_capture", ""), nil}, payment.Refused},
	} {
		_, stripe := serve(t, map[string][]answer{"POST " + c.call: {c.first}, get: {c.state}})
		p := order()
		p.ProviderReference = "pi_1"
		if out := stripe.Perform(t.Context(), p, c.op); out.Result != c.want {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// A key that was used otherwise has made something, which the look-up may not find yet: only what is found decides.
func TestAReusedKeyRefusesNothing(t *testing.T) {
	reused := answer{400, failure("idempotency_error", "", ""), nil}
	none := answer{200, list(), nil}
	for name, c := range map[string]struct {
		op          payment.Operation
		call, where string
		found       answer
		want        payment.Result
	}{
		"a hold, not found yet":   {authorize, intents, search, none, payment.Unknown},
		"a hold, found":           {authorize, intents, search, answer{200, list(intent("requires_capture", "")), nil}, payment.Succeeded},
		"a refund, not found yet": {refund, refunds, "GET " + refunds, none, payment.Unknown},
		"a refund, found":         {refund, refunds, "GET " + refunds, answer{200, list(refundBody("succeeded")), nil}, payment.Succeeded},
	} {
		_, stripe := serve(t, map[string][]answer{"POST " + c.call: {reused}, c.where: {c.found}})
		p := order()
		p.ProviderReference = "pi_1"
		if out := stripe.Perform(t.Context(), p, c.op); out.Result != c.want {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// Stripe's own smallest units, and what can't be charged in them.
func TestCurrencies(t *testing.T) {
	for _, c := range []struct {
		currency string
		amount   int64
		sent     string // empty: refused
	}{
		{"KRW", 2250, "2250"}, {"JPY", 2250, "2250"}, {"USD", 2250, "2250"}, {"EUR", 1, "1"},
		{"KWD", 2250, "2250"}, {"BHD", 2255, ""}, {"TND", 1, ""},
		{"ISK", 22, "2200"}, {"UGX", 5000, "500000"}, {"MGA", 2200, "22"}, {"MGA", 2250, ""},
	} {
		body := fmt.Sprintf(`{"id":"pi_1","amount":%s,"currency":%q,"status":"requires_capture"}`, "0"+c.sent, strings.ToLower(c.currency))
		s, stripe := serve(t, map[string][]answer{"POST " + intents: {{200, strings.Replace(body, ":0", ":", 1), nil}}})
		p := order()
		p.Currency = c.currency
		out := stripe.Perform(t.Context(), p, payment.Operation{Kind: payment.KindAuthorize, Key: "k", Amount: c.amount})
		switch {
		case c.sent == "" && (out.Result != payment.Refused || out.Code != "amount_not_chargeable" || len(s.heard()) != 0):
			t.Errorf("%d %s: %+v", c.amount, c.currency, out)
		case c.sent != "" && (out.Result != payment.Succeeded || out.Amount != c.amount || s.heard()[0].form.Get("amount") != c.sent):
			t.Errorf("%d %s: %+v, %v", c.amount, c.currency, out, s.heard())
		}
	}
}

// The circuit opens as it does for any provider.
func TestTheCircuitIsShared(t *testing.T) {
	c, err := stripe.New(stripe.Config{Key: "sk_test_123", URL: "http://127.0.0.1:1", Treatment: provider.Treatment{Breaker: provider.Breaker{Calls: 2, Pause: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		c.Perform(t.Context(), order(), authorize)
	}
	if out := c.Perform(t.Context(), order(), authorize); out.Result != payment.Paused {
		t.Errorf("%+v", out)
	}
}

func TestBadConfiguration(t *testing.T) {
	for _, cfg := range []stripe.Config{{}, {Key: "pk_live_public"}, {Key: "sk_live_hidden", URL: "nowhere"}, {Key: "sk_live_hidden", URL: "http://api.stripe.com"}, {Key: "sk_live_hidden", Treatment: provider.Treatment{Timeout: -1}}} {
		if _, err := stripe.New(cfg); err == nil || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "pk_live") {
			t.Errorf("%v", err)
		}
	}
	for _, url := range []string{"", "https://stripe.example", "http://localhost:12111", "http://127.0.0.1:12111", "http://[::1]:12111"} {
		if err := (stripe.Config{Key: "sk_test_123", URL: url}).Validate(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestList(t *testing.T) {
	charge := `,"latest_charge":{"id":"ch_1","amount_refunded":250}`
	_, c := serve(t, map[string][]answer{"GET " + intents: {{200, list(
		intent("requires_capture", ""), intent("succeeded", `,"amount_received":2250`+charge), intent("canceled", charge),
		intent("canceled", ""), intent("requires_payment_method", ""), strings.Replace(intent("requires_capture", ""), "payment_id", "transaction", 1),
	), nil}}})
	var got []provider.Standing
	if err := c.List(t.Context(), time.Unix(1767225600, 0), func(page []provider.Standing) error { got = append(got, page...); return nil }); err != nil {
		t.Fatal(err)
	}
	base := provider.Standing{Reference: "pi_1", OrderID: "o1", Currency: "KRW", Authorized: 2250, CreatedAt: time.Unix(1767225600, 0).UTC()}
	held, taken, gone, alien := base, base, base, base
	alien.OrderID, alien.Status = "", payment.Authorized
	held.Status, taken.Status, gone.Status = payment.Authorized, payment.Captured, payment.Voided
	taken.Captured, taken.Refunded, gone.Voided = 2250, 250, 2250
	if !slices.Equal(got, []provider.Standing{held, taken, gone, alien}) {
		t.Errorf("%+v", got)
	}
}

// A payment that Stripe does not have is an answer: any number of them in a row opens no circuit. A key of the other mode
// would miss all of them, and is an error.
func TestFind(t *testing.T) {
	answers := map[string][]answer{get: {
		{404, failure("invalid_request_error", "resource_missing", `,"param":"intent"`), nil},
	}}
	s, _ := serve(t, answers)
	c, err := stripe.New(stripe.Config{Key: "sk_test_123", URL: s.url, Treatment: provider.Treatment{Breaker: provider.Breaker{Calls: 2, Pause: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for n := range 10 {
		if found, err := c.Find(t.Context(), "pi_1"); found != nil || err != nil {
			t.Fatalf("call %d: %+v, %v", n+1, found, err)
		}
	}
	s.answer(get, answer{200, intent("requires_capture", ""), nil})
	if found, err := c.Find(t.Context(), "pi_1"); err != nil || found == nil || found.Authorized != 2250 || found.OrderID != "o1" {
		t.Errorf("%+v, %v", found, err)
	}
	s.answer(get, answer{404, otherMode, nil})
	if found, err := c.Find(t.Context(), "pi_1"); err == nil {
		t.Errorf("the other mode: %+v", found)
	}
}
