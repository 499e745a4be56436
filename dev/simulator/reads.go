package simulator

import (
	"net/http"
	"slices"
	"sort"
	"time"
)

// get returns a payment once it is on disk.
func (b *bank) get(id string) (Payment, *Error) {
	b.mu.Lock()
	p, ok := b.payments[id]
	if !ok {
		b.mu.Unlock()
		return Payment{}, notFound("payment_not_found", "There is no payment %q.", id)
	}
	out, commit := p.snapshot(), p.commit
	b.mu.Unlock()
	if commit.Wait() != nil {
		return Payment{}, errNotKept
	}
	return out, nil
}

// list returns payments in order of creation: all, or those of a reference, made at the instant or later, after the payment
// named, at most limit (0: all). next is the id to go on after, or empty at the end.
func (b *bank) list(reference, after string, since time.Time, limit int) (page []Payment, next string, refused *Error) {
	b.mu.Lock()
	from := b.order
	if reference != "" {
		from = b.byReference[reference]
	}
	first := sort.Search(len(from), func(i int) bool { return !from[i].CreatedAt.Before(since) })
	if after == "" {
		from = from[first:]
	} else {
		at := b.indexIn(from, reference, after)
		if at < 0 {
			b.mu.Unlock()
			return nil, "", invalid("after", "there is no such payment: %q", after)
		}
		from = from[at+1:]
	}
	if limit > 0 && len(from) > limit {
		from = from[:limit]
		next = from[limit-1].ID
	}
	page = make([]Payment, 0, len(from))
	for _, p := range from {
		page = append(page, p.snapshot())
	}
	commit := b.last
	b.mu.Unlock()
	if commit.Wait() != nil {
		return nil, "", errNotKept
	}
	return page, next, nil
}

// indexIn finds a payment in the list of all, or in that of a reference, which is short; -1 when it is not there.
func (b *bank) indexIn(list []*payment, reference, id string) int {
	if reference != "" {
		return slices.IndexFunc(list, func(p *payment) bool { return p.ID == id })
	}
	if at, ok := b.position[id]; ok {
		return at
	}
	return -1
}

// operation tells what became of a key.
func (b *bank) operation(key string) (Operation, *Error) {
	b.mu.Lock()
	op := b.known(key)
	if op == nil {
		b.mu.Unlock()
		return Operation{}, notFound("operation_not_found", "Nothing took effect under this key, or it is older than keys are kept.")
	}
	out := Operation{IdempotencyKey: key, Kind: op.Request.Kind, Status: OperationSucceeded, Amount: op.Request.Amount,
		PaymentID: op.PaymentID, RefundID: op.RefundID, Error: op.Declined, CreatedAt: op.At}
	switch {
	case op.done != nil:
		out.Status = OperationProcessing
	case op.Declined != nil:
		out.Status = OperationDeclined
	}
	commit := op.commit
	if p, ok := b.payments[op.PaymentID]; ok {
		payment := p.snapshot()
		out.Payment, commit = &payment, p.commit
	}
	b.mu.Unlock()
	if op.commit.Wait() != nil || commit.Wait() != nil {
		return Operation{}, errNotKept
	}
	return out, nil
}

// refundAnswer is a Refund with its payment.
type refundAnswer struct {
	Refund
	Payment Payment `json:"payment"`
}

// render is the answer to a call, the same each time it is asked for.
func (b *bank) render(op *operation) (status int, body any) {
	if op.Declined != nil {
		return op.Declined.httpStatus(), errorBody{op.Declined}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	payment := b.payments[op.PaymentID].asOf(op.answer)
	switch op.Request.Kind {
	case KindAuthorize:
		return http.StatusCreated, payment
	case KindRefund:
		return http.StatusCreated, refundAnswer{Refund: payment.Refunds[len(payment.Refunds)-1], Payment: payment}
	default:
		return http.StatusOK, payment
	}
}
