package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
)

// CacheGate says what of the read cache may be used. It is in the database so that a replica that can't reach the cache, and so can't remove
// what it has made stale there, can tell the others all the same.
type CacheGate struct {
	Epoch          string    // only what was cached in it counts
	SuspendedUntil time.Time // nothing counts before
}

// ReadCacheGate reads the gate.
func ReadCacheGate(ctx context.Context, q sqldb.Querier) (CacheGate, error) {
	var g CacheGate
	err := q.QueryRowContext(ctx, "SELECT epoch, suspended_until FROM cache_gate WHERE id = 1").Scan(&g.Epoch, sqldb.Instant(&g.SuspendedUntil))
	if err != nil {
		return g, fmt.Errorf("read the cache's gate: %w", err)
	}
	return g, nil
}

// BeginCacheEpoch makes all that is cached count no more. The epoch is a new name. Before the instant nothing new counts either; the zero time
// leaves that as it is.
func BeginCacheEpoch(ctx context.Context, tx *sqldb.Tx, epoch string, suspendedUntil time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE cache_gate SET epoch = $1,
		suspended_until = CASE WHEN suspended_until < $2 THEN $2 ELSE suspended_until END WHERE id = 1`, epoch, sqldb.Micros(suspendedUntil))
	if err != nil {
		return fmt.Errorf("begin an epoch of the cache: %w", err)
	}
	return nil
}
