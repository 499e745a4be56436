package stripe

import (
	"context"
	"fmt"

	stripego "github.com/stripe/stripe-go/v82"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
)

// LookUp finds out what became of an operation that may have reached Stripe; false says that nothing is known of it there,
// so that it may be tried again under its key.
//
// Stripe can't be asked about a key. An authorisation is searched for by the payment's id in its metadata: what was made
// within the last minute may be missing there, but its key is known for a day at least, so that the retry meets it. All else
// is read off the payment itself.
func (c *Client) LookUp(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, bool) {
	out, known, err := c.lookUp(ctx, p, op)
	if err != nil {
		return provider.Unanswered(err), true
	}
	return out, known
}

func (c *Client) lookUp(ctx context.Context, p *payment.Payment, op payment.Operation) (out payment.Outcome, known bool, err error) {
	switch op.Kind {
	case payment.KindAuthorize:
		return c.findAuthorization(ctx, p, op)
	case payment.KindRefund:
		return c.findRefund(ctx, p, op)
	}
	intent, err := c.intent(ctx, p.ProviderReference)
	if err != nil {
		return out, false, err
	}
	return fate(intent, p, op)
}

func (c *Client) intent(ctx context.Context, id string) (intent *stripego.PaymentIntent, err error) {
	err = c.read(ctx, "get payment", func(ctx context.Context) (err error) {
		intent, err = c.retrieve(ctx, id)
		return err
	})
	return intent, err
}

// retrieve is the bare call; its error is the library's.
func (c *Client) retrieve(ctx context.Context, id string) (*stripego.PaymentIntent, error) {
	params := &stripego.PaymentIntentRetrieveParams{}
	params.AddExpand("latest_charge")
	return c.api.V1PaymentIntents.Retrieve(ctx, id, params)
}

func (c *Client) findAuthorization(ctx context.Context, p *payment.Payment, op payment.Operation) (out payment.Outcome, known bool, err error) {
	var found *stripego.PaymentIntent
	params := &stripego.PaymentIntentSearchParams{SearchParams: stripego.SearchParams{Query: search(p.ID), Limit: stripego.Int64(10)}}
	err = c.read(ctx, "find payment", func(ctx context.Context) error {
		for intent, err := range c.api.V1PaymentIntents.Search(ctx, params) {
			if err != nil {
				return err
			}
			if intent.Metadata[metaOperation] == op.Key {
				found = intent
				return nil
			}
		}
		return nil
	})
	if err != nil || found == nil {
		return out, false, err
	}
	out, err = authorization(found, p, op)
	return out, true, err
}

func (c *Client) findRefund(ctx context.Context, p *payment.Payment, op payment.Operation) (out payment.Outcome, known bool, err error) {
	var found *stripego.Refund
	params := &stripego.RefundListParams{PaymentIntent: &p.ProviderReference}
	params.Limit = stripego.Int64(100)
	err = c.read(ctx, "find refund", func(ctx context.Context) error {
		for refund, err := range c.api.V1Refunds.List(ctx, params) {
			if err != nil {
				return err
			}
			if refund.Metadata[metaOperation] == op.Key {
				found = refund
				return nil
			}
		}
		return nil
	})
	if err != nil || found == nil {
		return out, false, err
	}
	out, err = refunded(found, p, op)
	return out, true, err
}

// fate reads off a PaymentIntent's state what became of its capture or void: each excludes the other.
func fate(intent *stripego.PaymentIntent, p *payment.Payment, op payment.Operation) (out payment.Outcome, known bool, err error) {
	received := fromStripe(intent.AmountReceived, p.Currency)
	switch intent.Status {
	case stripego.PaymentIntentStatusRequiresCapture:
		return out, false, nil
	case stripego.PaymentIntentStatusSucceeded:
		if op.Kind == payment.KindCapture {
			out, err = done(op, intent.ID, received)
			return out, true, err
		}
	case stripego.PaymentIntentStatusCanceled:
		if op.Kind == payment.KindVoid {
			out, err = done(op, intent.ID, fromStripe(intent.Amount, p.Currency))
			return out, true, err
		}
	default:
		return out, false, fmt.Errorf("a PaymentIntent in the unknown state %q", provider.Clean(string(intent.Status), 32))
	}
	return payment.Outcome{
		Result: payment.Overtaken, Captured: received, Code: "payment_" + string(intent.Status),
		Reason: fmt.Sprintf("The payment is already %s at Stripe.", intent.Status),
	}, true, nil
}
