package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v82"
	"github.com/stripe/stripe-go/v82/webhook"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
)

// Webhooks verifies and reads Stripe's webhooks.
type Webhooks struct{ secrets []string }

// NewWebhooks takes the endpoint's secrets that are valid now: two, while one follows the other.
func NewWebhooks(secrets ...string) (*Webhooks, error) {
	for i, secret := range secrets {
		if !strings.HasPrefix(secret, "whsec_") || len(secret) < len("whsec_")+16 {
			return nil, fmt.Errorf("secret %d of %d: must be the endpoint's signing secret (whsec_…)", i+1, len(secrets)) // never the secret itself
		}
	}
	return &Webhooks{secrets}, nil
}

// Read verifies a webhook and says what it tells.
func (w *Webhooks) Read(header http.Header, body []byte) (provider.Event, error) {
	said, err := w.verify(header.Get("Stripe-Signature"), body)
	if err != nil {
		return provider.Event{}, err
	}
	event := provider.Event{ID: provider.Clean(said.ID, 255), Type: provider.Clean(string(said.Type), 255)}
	if event.ID == "" || said.Data == nil {
		return event, provider.ErrUnreadable
	}
	if event.Notice, err = notice(said); err != nil {
		return event, provider.ErrUnreadable.Wrap(err)
	}
	return event, nil
}

// verify finds a secret that signed the webhook. The version of the API that it was made for does not matter to the few
// fields that are read.
func (w *Webhooks) verify(signature string, body []byte) (event stripego.Event, err error) {
	for _, secret := range w.secrets {
		event, err = webhook.ConstructEventWithOptions(body, signature, secret, webhook.ConstructEventOptions{
			Tolerance: provider.Tolerance, IgnoreAPIVersionMismatch: true,
		})
		switch {
		case err == nil && signedAt(signature).After(time.Now().Add(provider.Tolerance)): // the library looks only for old ones
			return event, provider.ErrStale
		case err == nil:
			return event, nil
		case errors.Is(err, webhook.ErrTooOld):
			return event, provider.ErrStale.Wrap(err)
		case !errors.Is(err, webhook.ErrNoValidSignature):
			return event, provider.ErrUnreadable.Wrap(errors.New("header or body")) // the library's error may hold the body
		}
	}
	return event, provider.ErrForged.Wrap(err)
}

// signedAt is the time of a signature header that was verified; as in the library, the last one counts.
func signedAt(signature string) (at time.Time) {
	for pair := range strings.SplitSeq(signature, ",") {
		if text, found := strings.CutPrefix(pair, "t="); found {
			if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
				at = time.Unix(seconds, 0)
			}
		}
	}
	return at
}

// notice is what an event says; nil when it is of no interest, or about something that this service did not make.
func notice(event stripego.Event) (*payment.Notice, error) {
	switch event.Type {
	case "payment_intent.amount_capturable_updated", "payment_intent.payment_failed", "payment_intent.succeeded", "payment_intent.canceled":
		var intent stripego.PaymentIntent
		if err := json.Unmarshal(event.Data.Raw, &intent); err != nil {
			return nil, err
		}
		return ofIntent(event.Type, &intent), nil
	case "refund.created", "refund.updated", "refund.failed":
		var refund stripego.Refund
		if err := json.Unmarshal(event.Data.Raw, &refund); err != nil {
			return nil, err
		}
		return ofRefund(&refund), nil
	}
	return nil, nil
}

func ofIntent(eventType stripego.EventType, intent *stripego.PaymentIntent) *payment.Notice {
	n := about(intent.Metadata, string(intent.Currency), intent.ID)
	if n == nil {
		return nil
	}
	n.Kind, n.Succeeded, n.Amount = payment.KindAuthorize, true, fromStripe(intent.Amount, n.Currency)
	switch eventType {
	case "payment_intent.payment_failed":
		n.Succeeded = false
	case "payment_intent.succeeded":
		n.Kind, n.Amount = payment.KindCapture, fromStripe(intent.AmountReceived, n.Currency)
	case "payment_intent.canceled":
		n.Kind = payment.KindVoid
	}
	return n
}

func ofRefund(refund *stripego.Refund) *payment.Notice {
	reference := ""
	if refund.PaymentIntent != nil {
		reference = refund.PaymentIntent.ID
	}
	n := about(refund.Metadata, string(refund.Currency), reference)
	if n == nil {
		return nil
	}
	n.Kind, n.RefundID, n.Amount = payment.KindRefund, provider.Clean(refund.Metadata[metaRefund], 255), fromStripe(refund.Amount, n.Currency)
	switch refund.Status {
	case stripego.RefundStatusSucceeded:
		n.Succeeded = true
	case stripego.RefundStatusFailed, stripego.RefundStatusCanceled:
	default: // on its way: another event tells of the end
		return nil
	}
	return n
}

func about(metadata map[string]string, currency, reference string) *payment.Notice {
	if !ours(metadata) {
		return nil
	}
	return &payment.Notice{
		OrderID: provider.Clean(metadata[metaOrder], 255), PaymentID: provider.Clean(metadata[metaPayment], 255),
		Reference: provider.Clean(reference, 255), Currency: strings.ToUpper(provider.Clean(currency, 3)),
	}
}
