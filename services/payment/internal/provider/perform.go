package provider

import (
	"context"
	"fmt"
	"net/url"

	"orderflow.example/payment/internal/payment"
)

// Perform calls the provider to carry out the operation.
func (c *Client) Perform(ctx context.Context, p *payment.Payment, op payment.Operation) payment.Outcome {
	amount, reference, err := c.perform(ctx, p, op)
	if err == nil {
		return payment.Outcome{Result: payment.Succeeded, Provider: Name, Reference: reference, Amount: amount}
	}
	failed := AsError(err)
	if failed.Class == Conflict {
		out, known := c.LookUp(ctx, p, op)
		return failed.Resolve(out, known)
	}
	return failed.Outcome()
}

func (c *Client) perform(ctx context.Context, p *payment.Payment, op payment.Operation) (amount int64, reference string, err error) {
	var after paymentBody
	switch op.Kind {
	case payment.KindAuthorize:
		body := authorizeBody{Amount: op.Amount, Currency: p.Currency, PaymentToken: p.Token, Reference: p.OrderID}
		err = c.post(ctx, "authorize", "/v1/payments", op.Key, body, &after)
		if err == nil && (after.ID == "" || after.Currency != p.Currency) {
			err = fmt.Errorf("asked for %s, authorised %s as %q", p.Currency, after.Currency, after.ID)
		}
		return after.Amount, after.ID, Agrees(err, op.Amount, after.Amount)
	case payment.KindCapture:
		err = c.post(ctx, "capture", paymentPath(p)+"/capture", op.Key, amountBody{op.Amount}, &after)
		return after.AmountCaptured, p.ProviderReference, Agrees(err, op.Amount, after.AmountCaptured)
	case payment.KindVoid:
		err = c.post(ctx, "void", paymentPath(p)+"/void", op.Key, struct{}{}, &after)
		return after.AmountVoided, p.ProviderReference, Agrees(err, op.Amount, after.AmountVoided)
	case payment.KindRefund:
		var refund refundBody
		err = c.post(ctx, "refund", paymentPath(p)+"/refunds", op.Key, amountBody{op.Amount}, &refund)
		return refund.Amount, p.ProviderReference, Agrees(err, op.Amount, refund.Amount)
	}
	return 0, "", &Error{Class: Permanent, Code: "unknown_operation", Reason: fmt.Sprintf("The provider knows no %s.", op.Kind)}
}

// Agrees makes a success that moved another sum than was asked for an unknown outcome.
func Agrees(err error, asked, moved int64) error {
	if err == nil && asked != moved {
		return fmt.Errorf("asked for %d, moved %d", asked, moved)
	}
	return err
}

func paymentPath(p *payment.Payment) string {
	return "/v1/payments/" + url.PathEscape(p.ProviderReference)
}
