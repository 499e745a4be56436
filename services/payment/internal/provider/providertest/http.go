package providertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

func (p *Provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments", p.move("authorize"))
	mux.HandleFunc("POST /v1/payments/{id}/capture", p.move("capture"))
	mux.HandleFunc("POST /v1/payments/{id}/void", p.move("void"))
	mux.HandleFunc("POST /v1/payments/{id}/refunds", p.move("refund"))
	mux.HandleFunc("GET /v1/payments/{id}", p.showPayment)
	mux.HandleFunc("GET /v1/payments", p.findPayments)
	mux.HandleFunc("GET /v1/operations/{key}", p.showOperation)
	return mux
}

type body struct {
	Amount       int64  `json:"amount"`
	Currency     string `json:"currency"`
	PaymentToken string `json:"payment_token"`
	Reference    string `json:"reference"`
}

// move is a call that moves money.
func (p *Provider) move(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in body
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		call := Call{Kind: kind, Key: r.Header.Get("Idempotency-Key")}
		if err := decoder.Decode(&in); err != nil || call.Key == "" {
			write(w, 400, refusal("invalid_request", "Malformed."))
			return
		}
		call.Reference = in.Reference
		status, answer, lost := p.take(call, r.PathValue("id"), in)
		switch {
		case status == 0: // hangs
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case lost:
			cut(w)
		}
		if status == 503 {
			w.Header().Set("Retry-After", "2")
		}
		write(w, status, answer)
	}
}

// cut ends the connection in the middle of the answer's first line, and does not return. With no byte sent, Go's client would
// repeat a call that carries an idempotency key by itself, and its user would never see the loss.
func cut(w http.ResponseWriter) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, _ = buffered.WriteString("HTTP/") // whether these bytes arrive makes no difference
		_ = buffered.Flush()
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// take decides on a call; status 0: it hangs.
func (p *Provider) take(call Call, id string, in body) (status int, answer any, lost bool) {
	p.Lock()
	defer p.Unlock()
	p.Calls = append(p.Calls, call)
	mode := OK
	if p.Behave != nil {
		mode = p.Behave(call)
	}
	if known, ok := p.answers[call.Key]; ok && !p.Forgetful {
		if known.call != call {
			return 409, refusal("idempotency_key_reused", "Used otherwise."), false
		}
		return known.status, known.body, mode == LoseAnswer
	}
	switch mode {
	case Unavailable:
		return 503, refusal("unavailable", "Later."), false
	case Broken:
		return 500, refusal("internal_error", "Oh."), false
	case Processing:
		p.working[call.Key] = true
		return 0, nil, false
	case Hang:
		return 0, nil, false
	}
	delete(p.working, call.Key)
	status, answer, operation := p.decide(call, id, in, mode)
	if status < 300 || status == 402 {
		p.answers[call.Key] = stored{call, status, answer, operation}
		p.tell(call, in.Amount, operation)
	}
	return status, answer, mode == LoseAnswer
}

func (p *Provider) tell(call Call, amount int64, operation map[string]any) {
	told := Told{Call: call, Amount: amount, Declined: operation["status"] == "declined"}
	told.PaymentID, _ = operation["payment_id"].(string)
	if of := p.byID[told.PaymentID]; of != nil {
		told.Reference = of.Reference
		if call.Kind == "void" {
			told.Amount = of.Amount
		}
	}
	p.Told = append(p.Told, told)
}

func (p *Provider) decide(call Call, id string, in body, mode Mode) (status int, answer any, operation map[string]any) {
	operation = map[string]any{"idempotency_key": call.Key, "kind": call.Kind, "status": "succeeded", "amount": in.Amount, "payment_id": id}
	of := p.byID[id]
	switch {
	case call.Kind != "authorize" && of == nil:
		return 404, refusal("payment_not_found", "None."), nil
	case mode == Decline:
		answer := refusal(call.Kind+"_declined", "The "+call.Kind+" was declined.")
		operation["status"], operation["error"] = "declined", answer["error"]
		return 402, answer, operation
	}
	switch call.Kind {
	case "authorize":
		status, answer = p.authorize(call.Key, in.Reference, in.Currency, in.Amount)
		operation["payment_id"] = answer.(map[string]any)["id"]
	case "capture":
		status, answer = p.capture(of, in.Amount)
	case "void":
		status, answer = p.void(of)
	default:
		status, answer = p.refund(of, call.Key, in.Amount)
	}
	return status, answer, operation
}

func (p *Provider) showPayment(w http.ResponseWriter, r *http.Request) {
	p.Lock()
	defer p.Unlock()
	p.Reads++
	of := p.byID[r.PathValue("id")]
	if of == nil {
		write(w, 404, refusal("payment_not_found", "None."))
		return
	}
	write(w, 200, of.json())
}

func (p *Provider) findPayments(w http.ResponseWriter, r *http.Request) {
	p.Lock()
	defer p.Unlock()
	p.Reads++
	query := r.URL.Query()
	found, next, last := []any{}, "", ""
	for _, id := range slices.Sorted(maps.Keys(p.byID)) {
		of := p.byID[id]
		switch {
		case query.Has("reference") && of.Reference != query.Get("reference"), id <= query.Get("after"):
		case p.PageSize > 0 && len(found) == p.PageSize:
			next = last
		default:
			found, last = append(found, of.json()), id
		}
	}
	write(w, 200, map[string]any{"payments": found, "next": next})
}

func (p *Provider) showOperation(w http.ResponseWriter, r *http.Request) {
	p.Lock()
	defer p.Unlock()
	p.Reads++
	key := r.PathValue("key")
	known, ok := p.answers[key]
	switch {
	case p.working[key]:
		write(w, 200, map[string]any{"idempotency_key": key, "status": "processing"})
	case !ok || p.Forgetful:
		write(w, 404, refusal("operation_not_found", "Nothing."))
	default:
		write(w, 200, known.operation)
	}
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client has gone when this fails
}
