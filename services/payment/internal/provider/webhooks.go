package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/kit/errs"
	"orderflow.example/payment/internal/payment"
)

// Tolerance is how far a webhook's timestamp may be from now: an older one is a replay, whatever its signature.
const Tolerance = 5 * time.Minute

// Why a webhook is refused.
var (
	ErrForged     = errs.New(errs.Unauthenticated, "WEBHOOK_SIGNATURE_INVALID", "the signature is not of a known secret")
	ErrStale      = errs.New(errs.InvalidArgument, "WEBHOOK_TIMESTAMP_OUTSIDE_TOLERANCE", "the timestamp is more than %s from now", Tolerance)
	ErrUnreadable = errs.New(errs.InvalidArgument, "WEBHOOK_UNREADABLE", "headers or body of the webhook can't be read")
)

// Event is a webhook whose signature was verified.
type Event struct {
	ID     string // the provider's: the same at each delivery
	Type   string
	Notice *payment.Notice // nil: of no interest here
}

const mostID = 255 // characters of a provider's id

// Webhooks verifies and reads the simulator's webhooks, which are signed as Standard Webhooks are.
type Webhooks struct{ secrets []*standardwebhooks.Webhook }

// NewWebhooks takes the secrets that are valid now: two, while one follows the other.
func NewWebhooks(secrets ...string) (*Webhooks, error) {
	w := &Webhooks{}
	for i, secret := range secrets {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil || len(secret) < len("whsec_")+32 || !strings.HasPrefix(secret, "whsec_") {
			return nil, fmt.Errorf("secret %d of %d: must be whsec_ and at least 24 bytes in base64", i+1, len(secrets)) // never the secret itself
		}
		w.secrets = append(w.secrets, verifier)
	}
	return w, nil
}

// Read verifies a webhook and says what it tells.
func (w *Webhooks) Read(header http.Header, body []byte) (Event, error) {
	if err := w.verify(header, body); err != nil {
		return Event{}, err
	}
	event := Event{ID: header.Get(standardwebhooks.HeaderWebhookID)}
	var said struct {
		ID   string `json:"id"`
		Type string `json:"type"`
		Data *struct {
			Key       string `json:"idempotency_key"`
			Amount    int64  `json:"amount"`
			Currency  string `json:"currency"`
			Reference string `json:"reference"`
			PaymentID string `json:"payment_id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return event, ErrUnreadable.Wrap(err)
	}
	if said.ID != event.ID || said.ID == "" || len(said.ID) > mostID || len(said.Type) > mostID || Clean(said.ID, mostID) != said.ID {
		return event, ErrUnreadable.Wrap(errors.New("id or type"))
	}
	event.Type = Clean(said.Type, mostID)
	kind, succeeded, known := kindOf(said.Type)
	if !known {
		return event, nil
	}
	if said.Data == nil || said.Data.Reference == "" || said.Data.Amount < 0 {
		return event, ErrUnreadable.Wrap(errors.New("data"))
	}
	event.Notice = &payment.Notice{
		OrderID: Clean(said.Data.Reference, mostID), Reference: Clean(said.Data.PaymentID, mostID),
		Kind: kind, Succeeded: succeeded, Amount: said.Data.Amount, Currency: Clean(said.Data.Currency, 3),
	}
	event.Notice.PaymentID, event.Notice.RefundID = payment.ParseKey(Clean(said.Data.Key, mostID))
	return event, nil
}

// verify finds a secret that signed the webhook.
func (w *Webhooks) verify(header http.Header, body []byte) error {
	var err error
	for _, secret := range w.secrets {
		err = secret.Verify(body, header)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, standardwebhooks.ErrMessageTooOld), errors.Is(err, standardwebhooks.ErrMessageTooNew):
			return ErrStale.Wrap(err)
		case errors.Is(err, standardwebhooks.ErrRequiredHeaders), errors.Is(err, standardwebhooks.ErrInvalidHeaders):
			return ErrUnreadable.Wrap(err)
		}
	}
	return ErrForged.Wrap(err)
}

// kindOf is what an event of the simulator speaks of.
func kindOf(eventType string) (kind payment.Kind, succeeded, known bool) {
	switch eventType {
	case "payment.authorized":
		return payment.KindAuthorize, true, true
	case "payment.declined":
		return payment.KindAuthorize, false, true
	case "payment.captured":
		return payment.KindCapture, true, true
	case "payment.capture_failed":
		return payment.KindCapture, false, true
	case "payment.voided":
		return payment.KindVoid, true, true
	case "payment.void_failed":
		return payment.KindVoid, false, true
	case "payment.refunded":
		return payment.KindRefund, true, true
	case "payment.refund_failed":
		return payment.KindRefund, false, true
	}
	return "", false, false
}
