package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow.example/kit/sqldb"
)

// errLeaseLost says that another worker has taken the job over, whose result counts.
var errLeaseLost = errors.New("the lease was lost: another worker has taken the job over")

// claimed is a job that this worker holds a lease on.
type claimed struct {
	Job
	token string
}

// claim takes up to limit jobs that are due, of which the leases of dead workers are some, the earliest first.
func (w *Worker) claim(ctx context.Context, limit int) ([]claimed, error) {
	token := uuid.NewString()
	var jobs []claimed
	err := w.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		jobs = jobs[:0]
		now := tx.Now()
		rows, err := tx.QueryContext(ctx, `WITH due AS MATERIALIZED (
				SELECT key FROM jobs WHERE kind = $1 AND claimable_at <= $2 ORDER BY claimable_at, key LIMIT $3`+tx.SkipLocked()+`)
			UPDATE jobs SET lease_token = $4, claimable_at = $5, attempts = attempts + 1, again_at = NULL
			WHERE kind = $1 AND key IN (SELECT key FROM due) RETURNING id, key, payload, run_at, attempts`,
			w.kind, sqldb.Micros(now), limit, token, sqldb.Micros(now.Add(w.lease)))
		if err != nil {
			return fmt.Errorf("jobs: claim: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			job := claimed{Job: Job{Kind: w.kind}, token: token}
			var runAt int64
			if err := rows.Scan(&job.ID, &job.Key, &job.Payload, &runAt, &job.Attempt); err != nil {
				return fmt.Errorf("jobs: claim: %w", err)
			}
			job.RunAt = sqldb.Time(runAt)
			jobs = append(jobs, job)
		}
		return rows.Err()
	})
	slices.SortFunc(jobs, func(a, b claimed) int { return cmp.Or(a.RunAt.Compare(b.RunAt), cmp.Compare(a.Key, b.Key)) })
	return jobs, err
}

// untilDue is the time until the next job can be claimed: 0 when one is due now, and at most the interval of polling.
func (w *Worker) untilDue(ctx context.Context) (time.Duration, error) {
	var at int64
	err := w.db.QueryRowContext(ctx, `SELECT claimable_at FROM jobs WHERE kind = $1 ORDER BY claimable_at LIMIT 1`, w.kind).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return pollEvery, nil
	}
	if err != nil {
		return 0, fmt.Errorf("jobs: next: %w", err)
	}
	now, err := w.db.Now(ctx)
	if err != nil {
		return 0, err
	}
	return min(pollEvery, max(0, sqldb.Time(at).Sub(now))), nil
}

// end ends jobs whose results are stored in the same transaction, and readies those to run again that were enqueued
// again meanwhile. It comes after the results, so that locks are taken in the order in which a transaction that
// enqueues takes them: the aggregates' first.
func (w *Worker) end(ctx context.Context, tx *sqldb.Tx, jobs ...claimed) error {
	tokens := make(map[string]string, len(jobs))
	keys := make([]string, len(jobs))
	for i, job := range jobs {
		tokens[job.Key], keys[i] = job.token, job.Key
	}
	type row struct {
		key   string
		token sql.NullString
	}
	ended, err := sqldb.CollectIn(ctx, tx, func(r sqldb.Scanner) (deleted row, err error) {
		err = r.Scan(&deleted.key, &deleted.token)
		return deleted, err
	}, `DELETE FROM jobs WHERE kind = $1 AND key`, keys, ` AND again_at IS NULL RETURNING key, lease_token`, w.kind)
	if err != nil {
		return fmt.Errorf("jobs: end: %w", err)
	}
	for _, deleted := range ended {
		if deleted.token.String != tokens[deleted.key] {
			return errLeaseLost // which rolls the deletion back
		}
		delete(tokens, deleted.key)
	}
	for _, key := range slices.Sorted(maps.Keys(tokens)) {
		again, err := affected(tx.ExecContext(ctx, `UPDATE jobs SET lease_token = NULL, run_at = again_at, claimable_at = again_at, again_at = NULL, attempts = 0, last_error = ''
			WHERE kind = $1 AND key = $2 AND lease_token = $3`, w.kind, key, tokens[key]))
		if err != nil {
			return err
		}
		if !again {
			return errLeaseLost
		}
		tx.Wake(wakeName(w.kind))
	}
	return nil
}

// retryLater readies a failed job for its next attempt.
func (w *Worker) retryLater(ctx context.Context, tx *sqldb.Tx, job claimed, at time.Time, cause error) error {
	kept, err := affected(tx.ExecContext(ctx, `UPDATE jobs SET lease_token = NULL, again_at = NULL, last_error = $1,
		run_at = CASE WHEN again_at < $2 THEN again_at ELSE $2 END, claimable_at = CASE WHEN again_at < $2 THEN again_at ELSE $2 END
		WHERE kind = $3 AND key = $4 AND lease_token = $5`, errorText(cause), sqldb.Micros(at), job.Kind, job.Key, job.token))
	if err == nil && !kept {
		err = errLeaseLost
	}
	tx.Wake(wakeName(job.Kind))
	return err
}

func affected(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, fmt.Errorf("jobs: %w", err)
	}
	count, err := result.RowsAffected()
	return count > 0, err
}

// errorText is an error as the row keeps it: of bounded length, and a text for PostgreSQL too.
func errorText(err error) string {
	const longest = 1000
	text := err.Error()
	if len(text) > longest {
		text = text[:longest]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
