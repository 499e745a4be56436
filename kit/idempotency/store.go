package idempotency

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
)

// kept is what is stored of a call whose key is used again.
type kept struct {
	hash              string
	response, refusal []byte
}

// run runs fn when nobody has used the key; otherwise the answer is the one that was kept. A call with the same key
// that is under way is waited for: it holds the row.
func run[M proto.Message](ctx context.Context, db *sqldb.DB, c *call, fn func(ctx context.Context, tx *sqldb.Tx) (M, error)) (answer M, err error) {
	var before *kept
	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if before, err = c.take(ctx, tx); err != nil || before != nil {
			return err // what is read here is answered after the commit that it belongs to
		}
		if answer, err = fn(ctx, tx); err != nil {
			return err
		}
		response, err := proto.Marshal(answer)
		if err != nil {
			return fmt.Errorf("idempotency: answer: %w", err)
		}
		return c.keep(ctx, tx, "response", response)
	})
	if refusal, ok := lasting(err); ok {
		before, err = c.refuse(ctx, db, refusal)
	}
	if err == nil && before != nil {
		return replay[M](ctx, c, before)
	}
	return answer, err
}

// take inserts the key, or takes one over that is due to be forgotten. When another call has it, it reads what is kept.
func (c *call) take(ctx context.Context, tx *sqldb.Tx) (*kept, error) {
	result, err := tx.ExecContext(ctx, `INSERT INTO idempotency_keys (principal, method, key, request_hash, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (principal, method, key) DO UPDATE SET request_hash = excluded.request_hash, response = NULL, refusal = NULL, created_at = excluded.created_at
		WHERE idempotency_keys.created_at <= $6`,
		c.principal, c.method, c.key, c.hash, sqldb.Micros(tx.Now()), sqldb.Micros(tx.Now().Add(-Kept)))
	if err != nil {
		return nil, fmt.Errorf("idempotency: take a key: %w", err)
	}
	if taken, err := result.RowsAffected(); err != nil || taken > 0 {
		return nil, err
	}
	before := &kept{}
	err = tx.QueryRowContext(ctx, `SELECT request_hash, response, refusal FROM idempotency_keys WHERE principal = $1 AND method = $2 AND key = $3`,
		c.principal, c.method, c.key).Scan(&before.hash, &before.response, &before.refusal)
	if errors.Is(err, sql.ErrNoRows) { // purged between the two statements
		return nil, sqldb.ErrAgain
	}
	if err != nil {
		return nil, fmt.Errorf("idempotency: read a key: %w", err)
	}
	return before, nil
}

func (c *call) keep(ctx context.Context, tx *sqldb.Tx, column string, value []byte) error {
	if _, err := tx.ExecContext(ctx, `UPDATE idempotency_keys SET `+column+` = $1 WHERE principal = $2 AND method = $3 AND key = $4`,
		value, c.principal, c.method, c.key); err != nil {
		return fmt.Errorf("idempotency: keep an answer: %w", err)
	}
	return nil
}

// lasting tells whether an error is a refusal that a repetition of the call should meet again.
func lasting(err error) (*errs.Error, bool) {
	var refusal *errs.Error
	if !errors.As(err, &refusal) {
		return nil, false
	}
	switch refusal.Code {
	case errs.FailedPrecondition, errs.AlreadyExists, errs.NotFound, errs.OutOfRange: // not Aborted: it asks for a new try
		return refusal, refusal.RetryAfter == 0
	}
	return nil, false
}

// refuse keeps a refusal in a transaction of its own, since that of the effect was rolled back. A call that came
// between has the word.
func (c *call) refuse(ctx context.Context, db *sqldb.DB, refusal *errs.Error) (before *kept, err error) {
	text, err := proto.Marshal(errs.Status(refusal).Proto())
	if err != nil {
		return nil, fmt.Errorf("idempotency: refusal: %w", err)
	}
	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if before, err = c.take(ctx, tx); err != nil || before != nil {
			return err
		}
		return c.keep(ctx, tx, "refusal", text)
	})
	if err == nil && before == nil {
		err = refusal
	}
	return before, err
}

// replay is the answer that was given to the key.
func replay[M proto.Message](ctx context.Context, c *call, before *kept) (answer M, err error) {
	if before.hash != c.hash {
		return answer, errs.New(errs.AlreadyExists, "IDEMPOTENCY_KEY_REUSED", "the idempotency key was used for another request").
			With("idempotency_key", c.key)
	}
	if err := grpc.SetHeader(ctx, metadata.Pairs(replayedMetadata, "true")); err != nil {
		return answer, fmt.Errorf("idempotency: %w", err)
	}
	if before.refusal != nil {
		var stored statuspb.Status
		if err := proto.Unmarshal(before.refusal, &stored); err != nil {
			return answer, fmt.Errorf("idempotency: stored refusal: %w", err)
		}
		return answer, errs.From(status.FromProto(&stored).Err())
	}
	answer = answer.ProtoReflect().New().Interface().(M) // a message of the same type
	if err := proto.Unmarshal(before.response, answer); err != nil {
		return answer, fmt.Errorf("idempotency: stored answer: %w", err)
	}
	return answer, nil
}

const purgeAtOnce = 1000

// Purge forgets the keys of calls until that instant, and tells how many there were.
func Purge(ctx context.Context, db *sqldb.DB, until time.Time) (int, error) {
	for purged := 0; ; {
		result, err := db.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE (principal, method, key) IN
			(SELECT principal, method, key FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)`, sqldb.Micros(until), purgeAtOnce)
		if err != nil {
			return purged, fmt.Errorf("idempotency: purge: %w", err)
		}
		count, err := result.RowsAffected()
		if err != nil {
			return purged, err
		}
		purged += int(count)
		if count < purgeAtOnce {
			return purged, nil
		}
	}
}
