// Package idempotency gives a call that is repeated with the same key the answer of the first one. The key comes as
// the metadata idempotency-key, which is the header Idempotency-Key over REST. The answer is stored in the transaction
// of the effect, so that a crash between commit and answer loses neither.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
)

// Kept is for how long a key is remembered.
const Kept = 24 * time.Hour

const (
	keyMetadata      = "idempotency-key"
	replayedMetadata = "idempotent-replayed" // "true" with an answer that was given before
	longestKey       = 255                   // bytes
)

// call is one that carries a key.
type call struct {
	principal, method, key, hash string
}

// InTx runs fn, which has the effect of a call of a gRPC method, in a transaction of db. When the call carries a key
// that its caller has used before for the same method, fn is not run: the same request gets the answer of the first
// time, a refusal of fn included, and another request is AlreadyExists. Whatever else a request depends on, such as
// If-Match, is not compared. Refusals are kept unless they may pass by themselves or tell of a malformed request.
func InTx[M proto.Message](ctx context.Context, db *sqldb.DB, request proto.Message, fn func(ctx context.Context, tx *sqldb.Tx) (M, error)) (M, error) {
	c, err := callOf(ctx, request)
	if err != nil {
		var none M
		return none, err
	}
	if c == nil {
		return plain(ctx, db, fn)
	}
	return run(ctx, db, c, fn)
}

func plain[M proto.Message](ctx context.Context, db *sqldb.DB, fn func(ctx context.Context, tx *sqldb.Tx) (M, error)) (answer M, err error) {
	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		answer, err = fn(ctx, tx)
		return err
	})
	return answer, err
}

// callOf is nil for a call without a key.
func callOf(ctx context.Context, request proto.Message) (*call, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	keys := md.Get(keyMetadata)
	if len(keys) == 0 {
		return nil, nil
	}
	if len(keys) > 1 || !wellFormed(keys[0]) {
		return nil, errs.Invalid(errs.Field{Name: "Idempotency-Key", Rule: "idempotency_key.form",
			Description: fmt.Sprintf("must be one key of 1 to %d printable ASCII characters without spaces", longestKey)})
	}
	method, ok := grpc.Method(ctx)
	if !ok {
		return nil, errors.New("idempotency: not within a gRPC method")
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("idempotency: request: %w", err)
	}
	hash := sha256.Sum256(bytes)
	return &call{auth.FromContext(ctx).Subject, method, keys[0], hex.EncodeToString(hash[:])}, nil
}

func wellFormed(key string) bool {
	if key == "" || len(key) > longestKey {
		return false
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
