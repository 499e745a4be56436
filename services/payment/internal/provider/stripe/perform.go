package stripe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v82"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
)

// laterAgain is when to look again at a refund that a bank takes days for.
const laterAgain = 5 * time.Minute

// Perform calls Stripe to carry out the operation.
func (c *Client) Perform(ctx context.Context, p *payment.Payment, op payment.Operation) payment.Outcome {
	out, err := c.perform(ctx, p, op)
	if err == nil {
		return out
	}
	failed := provider.AsError(err)
	if failed.Class == provider.Conflict {
		out, known := c.LookUp(ctx, p, op)
		if !known && failed.KeyReused && creates(op) {
			failed.Class = provider.Unknown // what the key made first may not be found yet: the search lags by up to a minute
		}
		return failed.Resolve(out, known)
	}
	return failed.Outcome()
}

// creates tells whether the operation makes an object, which has to be found. What became of any other is read off the
// payment itself.
func creates(op payment.Operation) bool {
	return op.Kind == payment.KindAuthorize || op.Kind == payment.KindRefund
}

func (c *Client) perform(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, error) {
	switch op.Kind {
	case payment.KindAuthorize:
		return c.authorize(ctx, p, op)
	case payment.KindCapture:
		return c.capture(ctx, p, op)
	case payment.KindVoid:
		return c.void(ctx, p, op)
	case payment.KindRefund:
		return c.refund(ctx, p, op)
	}
	return payment.Outcome{}, &provider.Error{Class: provider.Permanent, Code: "unknown_operation", Reason: fmt.Sprintf("Stripe knows no %s.", op.Kind)}
}

// authorize creates and confirms a PaymentIntent in one call. The customer is not there to answer a challenge of their bank:
// a card that needs one is declined.
func (c *Client) authorize(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, error) {
	if p.Token == "" {
		return payment.Outcome{}, &provider.Error{Class: provider.Permanent, Code: "payment_token_missing", Reason: "The order names no means of payment."}
	}
	amount, err := toStripe(op.Amount, p.Currency)
	if err != nil {
		return payment.Outcome{}, err
	}
	params := &stripego.PaymentIntentCreateParams{
		Amount: &amount, Currency: stripego.String(strings.ToLower(p.Currency)), PaymentMethod: &p.Token,
		PaymentMethodTypes: []*string{stripego.String("card")}, CaptureMethod: stripego.String(string(stripego.PaymentIntentCaptureMethodManual)),
		Confirm: stripego.Bool(true), ErrorOnRequiresAction: stripego.Bool(true),
		Metadata: map[string]string{metaOrder: p.OrderID, metaPayment: p.ID, metaOperation: op.Key},
	}
	params.SetIdempotencyKey(op.Key)
	var intent *stripego.PaymentIntent
	err = c.move(ctx, "authorize", func(ctx context.Context) (err error) {
		intent, err = c.api.V1PaymentIntents.Create(ctx, params)
		return err
	})
	if err != nil {
		return payment.Outcome{}, err
	}
	return authorization(intent, p, op)
}

// authorization reads off a PaymentIntent what became of the authorisation.
func authorization(intent *stripego.PaymentIntent, p *payment.Payment, op payment.Operation) (payment.Outcome, error) {
	switch intent.Status {
	case stripego.PaymentIntentStatusRequiresCapture, stripego.PaymentIntentStatusSucceeded:
		if intent.ID == "" || !strings.EqualFold(string(intent.Currency), p.Currency) {
			return payment.Outcome{}, fmt.Errorf("asked for %s, authorised %s as %q", p.Currency, intent.Currency, intent.ID)
		}
		return done(op, intent.ID, fromStripe(intent.Amount, p.Currency))
	case stripego.PaymentIntentStatusProcessing:
		return payment.Outcome{}, errors.New("the payment is still being processed")
	case stripego.PaymentIntentStatusCanceled, stripego.PaymentIntentStatusRequiresPaymentMethod, stripego.PaymentIntentStatusRequiresAction,
		stripego.PaymentIntentStatusRequiresConfirmation:
		refused := payment.Outcome{Result: payment.Refused, Code: string(intent.Status), Reason: "The card was not charged."}
		if last := intent.LastPaymentError; last != nil {
			refused.Code, refused.Reason = codeOf(last), provider.Clean(last.Msg, 500)
		}
		return refused, nil
	}
	return payment.Outcome{}, fmt.Errorf("a PaymentIntent in the unknown state %q", provider.Clean(string(intent.Status), 32))
}

func (c *Client) capture(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, error) {
	amount, err := toStripe(op.Amount, p.Currency)
	if err != nil {
		return payment.Outcome{}, err
	}
	params := &stripego.PaymentIntentCaptureParams{AmountToCapture: &amount}
	params.SetIdempotencyKey(op.Key)
	var intent *stripego.PaymentIntent
	err = c.move(ctx, "capture", func(ctx context.Context) (err error) {
		intent, err = c.api.V1PaymentIntents.Capture(ctx, p.ProviderReference, params)
		return err
	})
	if err != nil {
		return payment.Outcome{}, err
	}
	if intent.Status != stripego.PaymentIntentStatusSucceeded {
		return payment.Outcome{}, fmt.Errorf("captured, and it is %q", provider.Clean(string(intent.Status), 32))
	}
	return done(op, p.ProviderReference, fromStripe(intent.AmountReceived, p.Currency))
}

func (c *Client) void(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, error) {
	params := &stripego.PaymentIntentCancelParams{}
	params.SetIdempotencyKey(op.Key)
	var intent *stripego.PaymentIntent
	err := c.move(ctx, "void", func(ctx context.Context) (err error) {
		intent, err = c.api.V1PaymentIntents.Cancel(ctx, p.ProviderReference, params)
		return err
	})
	if err != nil {
		return payment.Outcome{}, err
	}
	if intent.Status != stripego.PaymentIntentStatusCanceled {
		return payment.Outcome{}, fmt.Errorf("voided, and it is %q", provider.Clean(string(intent.Status), 32))
	}
	return done(op, p.ProviderReference, fromStripe(intent.Amount, p.Currency))
}

func (c *Client) refund(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, error) {
	amount, err := toStripe(op.Amount, p.Currency)
	if err != nil {
		return payment.Outcome{}, err
	}
	params := &stripego.RefundCreateParams{
		PaymentIntent: &p.ProviderReference, Amount: &amount,
		Metadata: map[string]string{metaOrder: p.OrderID, metaPayment: p.ID, metaRefund: op.RefundID, metaOperation: op.Key},
	}
	params.SetIdempotencyKey(op.Key)
	var made *stripego.Refund
	err = c.move(ctx, "refund", func(ctx context.Context) (err error) {
		made, err = c.api.V1Refunds.Create(ctx, params)
		return err
	})
	if err != nil {
		return payment.Outcome{}, err
	}
	return refunded(made, p, op)
}

// refunded reads off a refund what became of it.
func refunded(made *stripego.Refund, p *payment.Payment, op payment.Operation) (payment.Outcome, error) {
	switch made.Status {
	case stripego.RefundStatusSucceeded:
		return done(op, p.ProviderReference, fromStripe(made.Amount, p.Currency))
	case stripego.RefundStatusPending, stripego.RefundStatusRequiresAction:
		return payment.Outcome{}, &provider.Error{Class: provider.Unknown, RetryAfter: laterAgain, Cause: errors.New("the refund is on its way")}
	case stripego.RefundStatusFailed, stripego.RefundStatusCanceled:
		return payment.Outcome{Result: payment.Refused, Code: "refund_" + string(made.Status), Reason: provider.Clean(string(made.FailureReason), 64)}, nil
	}
	return payment.Outcome{}, fmt.Errorf("a refund in the unknown state %q", provider.Clean(string(made.Status), 32))
}

// done is an operation that took effect, unless it moved another sum than was asked for: then what happened is unknown.
func done(op payment.Operation, reference string, moved int64) (payment.Outcome, error) {
	return payment.Outcome{Result: payment.Succeeded, Provider: Name, Reference: reference, Amount: moved}, provider.Agrees(nil, op.Amount, moved)
}
