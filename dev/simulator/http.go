package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxBody   = 64 << 10
	maxAmount = 1_000_000_000_000
)

var (
	currencyCode   = regexp.MustCompile(`^[A-Z]{3}$`)
	idempotencyKey = regexp.MustCompile(`^[!-~]{1,255}$`)
)

type errorBody struct {
	Error *Error `json:"error"`
}

func (s *Simulator) handler() http.Handler {
	mux := http.NewServeMux()
	routes := map[string]map[string]http.HandlerFunc{
		"/v1/payments":              {http.MethodPost: s.authorize, http.MethodGet: s.listPayments},
		"/v1/payments/{id}":         {http.MethodGet: s.getPayment},
		"/v1/payments/{id}/capture": {http.MethodPost: s.capture},
		"/v1/payments/{id}/void":    {http.MethodPost: s.void},
		"/v1/payments/{id}/refunds": {http.MethodPost: s.refund},
		"/v1/operations/{key...}":   {http.MethodGet: s.getOperation},
		"/health":                   {http.MethodGet: health},
	}
	for path, methods := range routes {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			handle, ok := methods[r.Method]
			if !ok {
				refuse(w, errMethod)
				return
			}
			handle(w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, notFound("not_found", "There is nothing at %s.", r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.unavailable.Load() && r.URL.Path != "/health" {
			w.Header().Set("Retry-After", "1")
			refuse(w, errUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func health(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Simulator) authorize(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Amount       int64  `json:"amount"`
		Currency     string `json:"currency"`
		PaymentToken string `json:"payment_token"`
		Reference    string `json:"reference"`
	}
	err := decode(w, r, &body)
	if err == nil {
		err = checkAmount(body.Amount)
	}
	if err == nil && !currencyCode.MatchString(body.Currency) {
		err = invalid("currency", "currency must be three capital letters")
	}
	if n := utf8.RuneCountInString(body.Reference); err == nil && (n < 1 || n > 200) {
		err = invalid("reference", "reference must have 1 to 200 characters")
	}
	if err == nil && len(body.PaymentToken) > 200 {
		err = invalid("payment_token", "payment_token must have at most 200 characters")
	}
	s.answer(w, r, err, request{Kind: KindAuthorize, Amount: body.Amount, Currency: body.Currency, Token: body.PaymentToken, Reference: body.Reference})
}

func (s *Simulator) capture(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Amount int64 `json:"amount"`
	}
	err := decode(w, r, &body)
	if err == nil {
		err = checkAmount(body.Amount)
	}
	s.answer(w, r, err, request{Kind: KindCapture, PaymentID: r.PathValue("id"), Amount: body.Amount})
}

func (s *Simulator) void(w http.ResponseWriter, r *http.Request) {
	var body struct{}
	s.answer(w, r, decode(w, r, &body), request{Kind: KindVoid, PaymentID: r.PathValue("id")})
}

func (s *Simulator) refund(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Amount int64  `json:"amount"`
		Reason string `json:"reason"`
	}
	err := decode(w, r, &body)
	if err == nil {
		err = checkAmount(body.Amount)
	}
	if err == nil && utf8.RuneCountInString(body.Reason) > 500 {
		err = invalid("reason", "reason must have at most 500 characters")
	}
	s.answer(w, r, err, request{Kind: KindRefund, PaymentID: r.PathValue("id"), Amount: body.Amount, Reason: body.Reason})
}

// answer performs a call whose body was read, unless the body or the key is bad.
func (s *Simulator) answer(w http.ResponseWriter, r *http.Request, bad *Error, req request) {
	key := r.Header.Get("Idempotency-Key")
	if bad == nil && !idempotencyKey.MatchString(key) {
		bad = invalid("Idempotency-Key", "the header Idempotency-Key must have 1 to 255 printable ASCII characters, without spaces")
	}
	if bad != nil {
		refuse(w, bad)
		return
	}
	op, replayed, refused := s.execute(w, r, key, req)
	if refused != nil {
		refuse(w, refused)
		return
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	status, body := s.bank.render(op)
	answerJSON(w, status, body)
}

func (s *Simulator) getPayment(w http.ResponseWriter, r *http.Request) {
	payment, err := s.bank.get(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	answerJSON(w, http.StatusOK, payment)
}

func (s *Simulator) getOperation(w http.ResponseWriter, r *http.Request) {
	op, err := s.bank.operation(r.PathValue("key"))
	if err != nil {
		refuse(w, err)
		return
	}
	answerJSON(w, http.StatusOK, op)
}

func (s *Simulator) listPayments(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit := 100
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			refuse(w, invalid("limit", "limit must be a number from 1 to 1000"))
			return
		}
		limit = n
	}
	var since time.Time
	if text := query.Get("created_after"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			refuse(w, invalid("created_after", "created_after must be a time as in RFC 3339"))
			return
		}
	}
	page, next, refused := s.bank.list(query.Get("reference"), query.Get("after"), since, limit)
	if refused != nil {
		refuse(w, refused)
		return
	}
	answerJSON(w, http.StatusOK, struct {
		Payments []Payment `json:"payments"`
		Next     string    `json:"next"`
	}{page, next})
}

func checkAmount(amount int64) *Error {
	if amount < 1 || amount > maxAmount {
		e := invalid("amount", "amount must be 1 to %d minor units", int64(maxAmount))
		if amount > maxAmount {
			e.Code, e.Message = "amount_too_large", fmt.Sprintf("%d minor units are more than the %d that can be paid at once.", amount, int64(maxAmount))
		}
		return e
	}
	return nil
}

// decode reads a JSON object with no unknown fields. An empty body is an empty object.
func decode(w http.ResponseWriter, r *http.Request, into any) *Error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errTooLarge
	case err != nil:
		return invalid("", "the body could not be read")
	case len(raw) == 0:
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return invalid(wrongType.Field, "%s can't be a %s", wrongType.Field, wrongType.Value)
		}
		return invalid("", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return invalid("", "there is something after the JSON object")
	}
	return nil
}

func refuse(w http.ResponseWriter, err *Error) {
	answerJSON(w, err.httpStatus(), errorBody{err})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error":{"code":"internal_error","type":"api_error","message":"The answer can't be written."}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // the client has gone when this fails; it finds the result by its key
}
