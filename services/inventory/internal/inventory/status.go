package inventory

// Status says where a reservation is.
type Status string

// The statuses of a reservation. An order that was never seen has none.
const (
	None         Status = ""
	Held         Status = "HELD"          // all items are held until the expiry
	Rejected     Status = "REJECTED"      // nothing was ever held: an item was not to be had, or the order was cancelled first
	Committed    Status = "COMMITTED"     // the items left the stock for good
	Released     Status = "RELEASED"      // the order was cancelled: nothing is held any more
	Expired      Status = "EXPIRED"       // the hold ended by its time; an OrderConfirmed may still take the items
	Returned     Status = "RETURNED"      // the items had left the stock and came back
	CommitFailed Status = "COMMIT_FAILED" // the hold had ended and the items were not to be had again
)

// Statuses lists every status that a stored reservation can have.
var Statuses = []Status{Held, Rejected, Committed, Released, Expired, Returned, CommitFailed}
