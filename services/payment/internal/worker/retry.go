package worker

import (
	"context"
	"errors"
	"fmt"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
)

// Retry is a person's doing: the provider is asked again for what it refused, and at once for what waits for its next try.
// It says in words what was done. The service, which may run in other processes, does the work.
func Retry(ctx context.Context, db *sqldb.DB, orderID string) (done string, err error) {
	payments := store.New(outbox.NewWriter("payment", func(string, outbox.Record) ([]byte, error) {
		return nil, errors.New("a retry says nothing by itself")
	}))
	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		work := payments.Begin(tx)
		if err := work.Load(ctx, orderID); err != nil {
			return err
		}
		p := work.Payment(orderID)
		if p.Status == payment.None {
			return errs.New(errs.NotFound, "PAYMENT_NOT_FOUND", "order %s has no payment", orderID)
		}
		done = "the provider is asked now"
		if _, more := p.Next(); !more {
			if err := payment.AskAgain(p, work.Now()); err != nil {
				return err
			}
			done = "the provider is asked again, under a new key"
			if err := work.Record(p, store.Cause{}); err != nil {
				return err
			}
		}
		if _, more := p.Next(); !more {
			return fmt.Errorf("order %s: nothing is to be asked", orderID)
		}
		if err := work.Flush(ctx); err != nil {
			return err
		}
		return Enqueue(ctx, tx, p)
	})
	return done, err
}
