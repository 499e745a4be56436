package order

import (
	"strconv"
	"time"

	"orderflow.example/kit/errs"
)

// unpaidRetry is when to come back: most orders are paid or cancelled within seconds.
const unpaidRetry = 10 * time.Second

// MayHold refuses another order to a customer who has `unpaid` that are not paid yet. Each of those holds stock that
// nobody else can buy, so a limit keeps one customer from hoarding it. A limit of 0 is none.
//
// It is ResourceExhausted, not FailedPrecondition: the same call succeeds once one of those orders is paid or cancelled,
// and the saga sees to that. So the refusal is not remembered for an idempotency key either.
func MayHold(unpaid, limit int64) error {
	if limit == 0 || unpaid < limit {
		return nil
	}
	return errs.New(errs.ResourceExhausted, "TOO_MANY_UNPAID_ORDERS", "%d orders are not paid yet, and no more than %d may be: pay or cancel one first", unpaid, limit).
		With("limit", strconv.FormatInt(limit, 10)).With("unpaid", strconv.FormatInt(unpaid, 10)).Retry(unpaidRetry)
}
