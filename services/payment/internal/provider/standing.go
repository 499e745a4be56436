package provider

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"orderflow.example/payment/internal/payment"
)

// Standing is a payment as the provider has it in its books. Amounts are ISO minor units.
type Standing struct {
	Reference  string // the provider's id of it
	OrderID    string // as we named it to the provider; empty for what we did not make
	Currency   string
	Status     payment.Status
	Authorized int64 // held at first; 0: never
	Captured   int64
	Voided     int64
	Refunded   int64
	CreatedAt  time.Time
}

// listSize is how many payments a page has.
const listSize = 500

// List calls fn with the provider's payments that were created at the instant or later, page by page.
func (c *Client) List(ctx context.Context, since time.Time, fn func([]Standing) error) error {
	query := url.Values{"limit": {strconv.Itoa(listSize)}}
	if !since.IsZero() {
		query.Set("created_after", since.UTC().Format(time.RFC3339Nano))
	}
	for {
		var page paymentsBody
		if err := c.get(ctx, "list payments", "/v1/payments?"+query.Encode(), &page); err != nil {
			return err
		}
		standings := make([]Standing, len(page.Payments))
		for i := range page.Payments {
			standings[i] = page.Payments[i].standing()
		}
		if err := fn(standings); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		query.Set("after", page.Next)
	}
}

// Find reads one payment; nil when the provider has none of that id.
func (c *Client) Find(ctx context.Context, reference string) (*Standing, error) {
	var found paymentBody
	if err := c.get(ctx, "get payment", "/v1/payments/"+url.PathEscape(reference), &found); err != nil {
		if notFound(err, codePaymentNotFound) {
			return nil, nil
		}
		return nil, err
	}
	standing := found.standing()
	return &standing, nil
}

// statuses are the simulator's states in the domain's words.
var statuses = map[string]payment.Status{
	stateAuthorized: payment.Authorized, stateCaptured: payment.Captured, stateVoided: payment.Voided, stateRefunded: payment.Refunded,
}

func (b *paymentBody) standing() Standing {
	return Standing{
		Reference: b.ID, OrderID: b.Reference, Currency: b.Currency, Status: statuses[b.Status], Authorized: b.Amount,
		Captured: b.AmountCaptured, Voided: b.AmountVoided, Refunded: b.AmountRefunded, CreatedAt: b.CreatedAt,
	}
}
