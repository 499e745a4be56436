package sqldb

import (
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestCommitInDoubt(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{io.ErrUnexpectedEOF, true},
		{&pgconn.PgError{Code: "57P01"}, true},
		{&pgconn.PgError{Code: "08006"}, true},
		{&pgconn.PgError{Code: "40001"}, false},
		{fmt.Errorf("deferred: %w", &pgconn.PgError{Code: "23505"}), false},
		{pgx.ErrTxCommitRollback, false},
	} {
		if got := commitInDoubt(tt.err); got != tt.want {
			t.Errorf("%v: %v", tt.err, got)
		}
	}
}
