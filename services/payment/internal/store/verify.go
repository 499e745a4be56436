package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/schemas"
)

// Verify compares the facts and the settled refunds of every payment with the fold of its event log. What was asked for
// and how far the work is has no events, and is left out. It may run beside the service.
func Verify(ctx context.Context, q sqldb.Querier, decode outbox.Decode) (check.Result, error) {
	return outbox.Verify(ctx, q, decode, outbox.Fold[*payment.Payment, payment.Event]{
		Topic: schemas.PaymentEvents,
		New: func(orderID string) *payment.Payment {
			return &payment.Payment{OrderID: orderID, Facts: payment.Facts{Status: payment.Pending}}
		},
		Apply:       (*payment.Payment).Apply,
		Rows:        rowsOf,
		Sequence:    func(row *payment.Payment) int64 { return row.Version },
		Differences: differences,
		Keys:        []outbox.Keys{{Table: "payments", Column: "order_id", If: "version > 0 OR status <> 'PENDING'"}},
	})
}

func rowsOf(ctx context.Context, q sqldb.Querier, folded map[string]*payment.Payment) (map[string]*payment.Payment, error) {
	return GetByOrders(ctx, q, slices.Collect(maps.Keys(folded))...)
}

// differences names what differs between the fold and the row.
func differences(folded, row *payment.Payment) []string {
	var names []string
	if folded.ID != row.ID {
		names = append(names, fmt.Sprintf("ID is %v and should be %v", row.ID, folded.ID))
	}
	names = append(names, outbox.Differences(folded.Facts, row.Facts)...)
	if l, r := settledRefunds(folded), settledRefunds(row); !slices.Equal(l, r) {
		names = append(names, fmt.Sprintf("settled refunds are %v and should be %v", r, l))
	}
	return names
}

// settledRefunds are the refunds that events tell of, by id, as far as they tell of them.
func settledRefunds(p *payment.Payment) []payment.Refund {
	var settled []payment.Refund
	for _, r := range p.Refunds {
		if r.Status != payment.RefundRequested {
			r.RequestedAt = time.Time{}
			settled = append(settled, r)
		}
	}
	slices.SortFunc(settled, func(a, b payment.Refund) int { return cmp.Compare(a.ID, b.ID) })
	return settled
}
