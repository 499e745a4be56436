package provider

import "time"

// The codes that this package acts on.
const (
	codePaymentNotFound   = "payment_not_found"
	codeOperationNotFound = "operation_not_found"
	codeUnavailable       = "unavailable"
)

type authorizeBody struct {
	Amount       int64  `json:"amount"`
	Currency     string `json:"currency"`
	PaymentToken string `json:"payment_token,omitempty"`
	Reference    string `json:"reference"`
}

type amountBody struct {
	Amount int64 `json:"amount"`
}

// paymentBody is a payment as the provider shows it.
type paymentBody struct {
	ID             string       `json:"id"`
	Reference      string       `json:"reference"`       // the order's id
	Key            string       `json:"idempotency_key"` // of the authorisation
	Status         string       `json:"status"`
	Currency       string       `json:"currency"`
	Amount         int64        `json:"amount"`
	AmountCaptured int64        `json:"amount_captured"`
	AmountVoided   int64        `json:"amount_voided"`
	AmountRefunded int64        `json:"amount_refunded"`
	Refunds        []refundBody `json:"refunds"`
	CreatedAt      time.Time    `json:"created_at"`
}

// The states of a payment. A refunded one has been captured before.
const (
	stateAuthorized = "authorized"
	stateCaptured   = "captured"
	stateVoided     = "voided"
	stateRefunded   = "refunded"
)

type refundBody struct {
	ID     string `json:"id"`
	Key    string `json:"idempotency_key"`
	Amount int64  `json:"amount"`
}

type paymentsBody struct {
	Payments []paymentBody `json:"payments"`
	Next     string        `json:"next"` // to go on after; empty at the end
}

// operationBody is what became of an idempotency key.
type operationBody struct {
	Status    string `json:"status"`
	Amount    int64  `json:"amount"`
	PaymentID string `json:"payment_id"`
	Error     struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// The states of an operation.
const (
	operationProcessing = "processing"
	operationSucceeded  = "succeeded"
	operationDeclined   = "declined"
)
