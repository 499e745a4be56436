package stripe

import (
	"context"
	"errors"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v82"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
)

// List calls fn with the PaymentIntents that were created at the instant or later, page by page, newest first. Those that
// moved no money, declined ones among them, are left out.
func (c *Client) List(ctx context.Context, since time.Time, fn func([]provider.Standing) error) error {
	params := &stripego.PaymentIntentListParams{}
	params.Limit, params.Single = stripego.Int64(100), true
	params.AddExpand("data.latest_charge")
	if !since.IsZero() {
		params.CreatedRange = &stripego.RangeQueryParams{GreaterThanOrEqual: since.Unix()}
	}
	for {
		var page []provider.Standing
		last, more := "", 0
		err := c.read(ctx, "list payments", func(ctx context.Context) error {
			for intent, err := range c.api.V1PaymentIntents.List(ctx, params) {
				if err != nil {
					return err
				}
				last, more = intent.ID, more+1
				if standing := standingOf(intent); standing.Authorized > 0 {
					page = append(page, standing)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := fn(page); err != nil {
			return err
		}
		if more < 100 || last == "" {
			return nil
		}
		params.StartingAfter = &last
	}
}

// Find reads one PaymentIntent; nil when there is none of that id, or none that moved money.
func (c *Client) Find(ctx context.Context, reference string) (*provider.Standing, error) {
	var intent *stripego.PaymentIntent
	err := c.read(ctx, "get payment", func(ctx context.Context) (err error) {
		if intent, err = c.retrieve(ctx, reference); missing(err) {
			intent = nil
			return nil // an answer, and no failure of Stripe's, however many in a row there are
		}
		return err
	})
	if err != nil || intent == nil {
		return nil, err
	}
	standing := standingOf(intent)
	if standing.Authorized == 0 {
		return nil, nil
	}
	return &standing, nil
}

// missing tells whether Stripe says that it has no such object, in either mode.
func missing(err error) bool {
	var said *stripego.Error
	return errors.As(err, &said) && said.Code == stripego.ErrorCodeResourceMissing && !ofOtherMode(said)
}

func standingOf(intent *stripego.PaymentIntent) provider.Standing {
	currency := strings.ToUpper(string(intent.Currency))
	s := provider.Standing{Reference: intent.ID, Currency: currency, CreatedAt: time.Unix(intent.Created, 0).UTC()}
	if ours(intent.Metadata) {
		s.OrderID = intent.Metadata[metaOrder]
	}
	amount := fromStripe(intent.Amount, currency)
	switch intent.Status {
	case stripego.PaymentIntentStatusRequiresCapture:
		s.Status, s.Authorized = payment.Authorized, amount
	case stripego.PaymentIntentStatusSucceeded:
		s.Status, s.Authorized, s.Captured = payment.Captured, amount, fromStripe(intent.AmountReceived, currency)
		s.Voided = s.Authorized - s.Captured
	case stripego.PaymentIntentStatusCanceled:
		if intent.LatestCharge != nil && intent.LatestCharge.ID != "" { // it held something once
			s.Status, s.Authorized, s.Voided = payment.Voided, amount, amount
		}
	}
	if intent.LatestCharge != nil && s.Captured > 0 {
		s.Refunded = fromStripe(intent.LatestCharge.AmountRefunded, currency)
	}
	s.Refunded = max(0, s.Refunded-s.Voided) // Stripe counts what a partial capture releases as refunded
	if s.Captured > 0 && s.Refunded == s.Captured {
		s.Status = payment.Refunded
	}
	return s
}
