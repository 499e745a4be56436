package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"orderflow.example/payment/internal/payment"
)

// LookUp finds out what became of an operation that may have reached the provider; false says that it never took effect,
// so that it may be tried again under its key.
//
// The provider forgets a key after 24 h, and trusts it anew then. So a key that it does not know proves nothing: the
// payment itself is looked at as well, by the order's id or the provider's, which works for ever.
func (c *Client) LookUp(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, bool) {
	out, known, err := c.byKey(ctx, op)
	if err == nil && !known {
		out, known, err = c.byPayment(ctx, p, op)
	}
	if err == nil {
		return out, known
	}
	return Unanswered(err), true
}

// Unanswered is the outcome of an operation whose look-up failed. A refused look-up, by a proxy perhaps, refuses nothing
// but the look-up.
func Unanswered(err error) payment.Outcome {
	failed := *AsError(err)
	if failed.Class != Unavailable && failed.Class != Paused {
		failed.Class = Unknown
	}
	return failed.Outcome()
}

func (c *Client) byKey(ctx context.Context, op payment.Operation) (out payment.Outcome, known bool, err error) {
	var found operationBody
	if err := c.get(ctx, "look up", "/v1/operations/"+url.PathEscape(op.Key), &found); err != nil {
		if notFound(err, codeOperationNotFound) {
			return out, false, nil
		}
		return out, false, err
	}
	switch found.Status {
	case operationSucceeded:
		return payment.Outcome{Result: payment.Succeeded, Provider: Name, Reference: found.PaymentID, Amount: found.Amount}, true, nil
	case operationDeclined:
		return payment.Outcome{Result: payment.Refused, Code: Clean(found.Error.Code, 64), Reason: Clean(found.Error.Message, 500)}, true, nil
	case operationProcessing:
		return out, false, &Error{Class: Unknown, Cause: errors.New("the provider still works on it")}
	}
	return out, false, fmt.Errorf("an operation in the unknown state %q", found.Status)
}

func (c *Client) byPayment(ctx context.Context, p *payment.Payment, op payment.Operation) (out payment.Outcome, known bool, err error) {
	if op.Kind == payment.KindAuthorize {
		return c.byReference(ctx, p, op)
	}
	var state paymentBody
	if err := c.get(ctx, "get payment", paymentPath(p), &state); err != nil {
		if notFound(err, codePaymentNotFound) { // a payment that does not exist will never move money
			return AsError(err).Outcome(), true, nil
		}
		return out, false, err
	}
	if op.Kind == payment.KindRefund {
		return refundOf(state, op)
	}
	return fate(state, op)
}

// byReference looks for the authorisation among the order's payments.
func (c *Client) byReference(ctx context.Context, p *payment.Payment, op payment.Operation) (out payment.Outcome, known bool, err error) {
	var found paymentsBody
	if err := c.get(ctx, "find payment", "/v1/payments?reference="+url.QueryEscape(p.OrderID), &found); err != nil {
		return out, false, err
	}
	for _, candidate := range found.Payments {
		if candidate.Key == op.Key {
			return payment.Outcome{Result: payment.Succeeded, Provider: Name, Reference: candidate.ID, Amount: candidate.Amount}, true, nil
		}
	}
	return out, false, nil
}

func refundOf(state paymentBody, op payment.Operation) (out payment.Outcome, known bool, err error) {
	for _, refund := range state.Refunds {
		if refund.Key == op.Key {
			return payment.Outcome{Result: payment.Succeeded, Provider: Name, Reference: state.ID, Amount: refund.Amount}, true, nil
		}
	}
	return out, false, nil
}

// fate reads off a payment's state what became of its capture or void: each excludes the other.
func fate(state paymentBody, op payment.Operation) (out payment.Outcome, known bool, err error) {
	done := payment.Outcome{Result: payment.Succeeded, Provider: Name, Reference: state.ID}
	overtaken := payment.Outcome{
		Result: payment.Overtaken, Captured: state.AmountCaptured,
		Code: "payment_" + Clean(state.Status, 32), Reason: fmt.Sprintf("The payment is already %s at the provider.", Clean(state.Status, 32)),
	}
	switch state.Status {
	case stateAuthorized:
		return out, false, nil
	case stateCaptured, stateRefunded:
		if op.Kind == payment.KindCapture {
			done.Amount = state.AmountCaptured
			return done, true, nil
		}
		return overtaken, true, nil
	case stateVoided:
		if op.Kind == payment.KindVoid {
			done.Amount = state.AmountVoided
			return done, true, nil
		}
		return overtaken, true, nil
	}
	return out, false, fmt.Errorf("a payment in the unknown state %q", state.Status)
}

// notFound tells whether the provider itself, and nothing in between, says that there is no such thing.
func notFound(err error, code string) bool {
	failed := AsError(err)
	return failed.Status == http.StatusNotFound && failed.Code == code
}
