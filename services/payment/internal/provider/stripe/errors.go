package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	stripego "github.com/stripe/stripe-go/v82"

	"orderflow.example/payment/internal/provider"
)

// overtaken are the codes of a call that meets a payment in another state than it needs: what its state is decides.
var overtaken = map[stripego.ErrorCode]bool{
	stripego.ErrorCodePaymentIntentUnexpectedState: true,
	stripego.ErrorCodeChargeAlreadyCaptured:        true,
	stripego.ErrorCodeChargeAlreadyRefunded:        true,
	stripego.ErrorCodeChargeExpiredForCapture:      true,
}

// classify is what a failed call means for the money. Nothing of Stripe's answer but code, message and request id is
// kept: the rest may name people.
func classify(ctx context.Context, err error, sent bool) error {
	var own *provider.Error
	if errors.As(err, &own) {
		return own
	}
	var said *stripego.Error
	if !errors.As(err, &said) {
		var network *url.Error
		if !errors.As(err, &network) {
			err = errors.New("the answer of Stripe can't be read")
		}
		return provider.Lost(ctx, err, sent)
	}
	failed := &provider.Error{
		Class: classOf(said), Status: said.HTTPStatusCode, Code: codeOf(said), Reason: provider.Clean(said.Msg, 500),
		KeyReused: said.Type == stripego.ErrorTypeIdempotency,
		Cause:     fmt.Errorf("%s, request %s", said.Type, provider.Clean(said.RequestID, 64)),
	}
	if said.LastResponse != nil {
		failed.RetryAfter = provider.RetryAfter(said.LastResponse.Header)
	}
	return failed
}

// misconfigured are the codes of a key that is of another account or mode than the customer's means of payment, or of the
// wrong kind: an operator's mistake, for which nobody's payment is declined.
var misconfigured = map[stripego.ErrorCode]bool{
	stripego.ErrorCodeAccountInvalid:      true,
	stripego.ErrorCodeLivemodeMismatch:    true,
	stripego.ErrorCodeSecretKeyRequired:   true,
	stripego.ErrorCodeTestmodeChargesOnly: true,
}

// classOf refuses for good only what Stripe is known to refuse for good. Any other answer leaves open whether money moved.
func classOf(said *stripego.Error) provider.Class {
	switch {
	case said.HTTPStatusCode >= http.StatusInternalServerError, said.Type == stripego.ErrorTypeAPI:
		return provider.Unknown
	case said.HTTPStatusCode == http.StatusTooManyRequests, said.HTTPStatusCode == http.StatusUnauthorized, said.HTTPStatusCode == http.StatusForbidden:
		return provider.Unavailable // too fast, or our own key: nobody's payment is declined for it
	case misconfigured[said.Code], ofOtherMode(said):
		return provider.Unavailable
	case said.Type == stripego.ErrorTypeCard:
		return provider.Declined
	case said.Type == stripego.ErrorTypeIdempotency, overtaken[said.Code]:
		return provider.Conflict
	case said.HTTPStatusCode == http.StatusNotFound, said.Code == stripego.ErrorCodeResourceMissing && said.Param != "payment_method":
		return provider.Unavailable // a payment of ours that is not there: another account's key, which an operator mends
	case said.Type == stripego.ErrorTypeInvalidRequest && final(said.HTTPStatusCode):
		return provider.Permanent
	}
	return provider.Unknown
}

// final tells whether a bad request of this status was examined and refused. A 408, 409 or 424 was not.
func final(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusPaymentRequired || status == http.StatusUnprocessableEntity
}

// ofOtherMode tells whether what is missing exists in the other of test and live mode. Stripe has no code for it, only words.
func ofOtherMode(said *stripego.Error) bool {
	return said.Code == stripego.ErrorCodeResourceMissing && strings.Contains(said.Msg, "similar object exists in")
}

// codeOf is the most telling code: that of the card's bank, if any.
func codeOf(said *stripego.Error) string {
	code := string(said.Code)
	if said.DeclineCode != "" {
		code = string(said.DeclineCode)
	}
	if code == "" {
		code = string(said.Type)
	}
	return provider.Clean(code, 64)
}
