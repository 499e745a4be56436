package payment

// Status is where a payment is, or is wanted to be.
type Status string

// The statuses of a payment.
const (
	None          Status = ""
	Pending       Status = "PENDING"        // the provider has not decided yet
	Authorized    Status = "AUTHORIZED"     // the amount is held
	Declined      Status = "DECLINED"       // the provider refused to hold the amount
	Captured      Status = "CAPTURED"       // the amount was taken; stays so when a part is refunded
	CaptureFailed Status = "CAPTURE_FAILED" // the held amount can't be taken; it is held until it is voided
	Voided        Status = "VOIDED"         // nothing was taken and nothing is held
	Refunded      Status = "REFUNDED"       // all that was taken was paid back
)
