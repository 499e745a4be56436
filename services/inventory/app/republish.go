package app

import (
	"context"

	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/service"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
)

// republishedAtOnce bounds a transaction, so that orders wait for no more than one.
const republishedAtOnce = 200

// Republish queues every product's current state for product.events again, under the version that it has, for consumers
// that lost theirs. It returns how many there are. The running service sends what is queued.
func Republish(ctx context.Context, s *service.Service) (int, error) {
	if err := s.Codec.Resolve(ctx, schemas.ProductEvents, s.Spec.Writes[schemas.ProductEvents]...); err != nil {
		return 0, err
	}
	encode := func(topic string, r outbox.Record) ([]byte, error) { return s.Codec.Encode(topic, r) }
	stock := store.New(s.Outbox)
	total, after := 0, ""
	for {
		var last string
		var count int
		err := s.DB.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
			last, count, err = stock.Republish(ctx, tx, encode, after, republishedAtOnce)
			return err
		})
		if err != nil {
			return total, err
		}
		total, after = total+count, last
		if count < republishedAtOnce {
			return total, nil
		}
	}
}
