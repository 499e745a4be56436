package app

import (
	"context"
	"time"

	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/service"
)

const (
	// trailTick is the time between two looks for adjustments that a release which keeps no trail has made beside this one.
	trailTick = 10 * time.Minute
	// trailFor is how long such a release may go on beside this one. A look reads all adjustments that there ever were, so it is not for ever.
	trailFor = time.Hour
)

// trailFiller fills the trail of stock adjustments, until a look after trailFor found it whole.
func trailFiller(s *service.Service) func(ctx context.Context, now time.Time) (int, error) {
	var first time.Time
	whole := false
	return func(ctx context.Context, now time.Time) (int, error) {
		if whole {
			return 0, nil
		}
		if first.IsZero() {
			first = now
		}
		filled, err := store.FillTrail(ctx, s.DB, s.Codec.Decode)
		whole = err == nil && filled == 0 && now.Sub(first) >= trailFor
		return filled, err
	}
}
