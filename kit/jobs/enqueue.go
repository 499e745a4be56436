package jobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"orderflow.example/kit/sqldb"
)

func wakeName(kind string) string { return "jobs " + kind }

const insertJobs = `INSERT INTO jobs (kind, key, id, payload, run_at, claimable_at, attempts, last_error, created_at) VALUES `

// A job that waits runs at the earlier of both times; one that runs is run again afterwards.
const mergeJobs = ` ON CONFLICT (kind, key) DO UPDATE SET
	payload = excluded.payload,
	run_at = CASE WHEN jobs.lease_token IS NULL AND excluded.run_at < jobs.run_at THEN excluded.run_at ELSE jobs.run_at END,
	claimable_at = CASE WHEN jobs.lease_token IS NULL AND excluded.run_at < jobs.claimable_at THEN excluded.run_at ELSE jobs.claimable_at END,
	again_at = CASE WHEN jobs.lease_token IS NULL THEN NULL WHEN jobs.again_at < excluded.run_at THEN jobs.again_at ELSE excluded.run_at END`

// Enqueue stores jobs; their workers are woken at the commit. A job whose kind and key are unfinished already is merged
// into that one: it has the new payload, and the earlier time to run; when it runs just now, it is run again after that.
func Enqueue(ctx context.Context, tx *sqldb.Tx, jobs ...Job) error {
	type identity struct{ kind, key string }
	merged := make(map[identity]Job, len(jobs))
	for _, job := range jobs {
		if job.RunAt.IsZero() {
			job.RunAt = tx.Now()
		}
		if job.ID == "" {
			job.ID = uuid.Must(uuid.NewV7()).String() // fails only when the system has no randomness
		}
		same := identity{job.Kind, job.Key}
		if other, ok := merged[same]; ok && other.RunAt.Before(job.RunAt) {
			job.RunAt = other.RunAt
		}
		merged[same] = job
	}
	sorted := make([]Job, 0, len(merged))
	for _, job := range merged {
		sorted = append(sorted, job)
	}
	slices.SortFunc(sorted, func(a, b Job) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	args := make([]any, 0, 9*len(sorted))
	for _, job := range sorted {
		at := sqldb.Micros(job.RunAt)
		args = append(args, job.Kind, job.Key, job.ID, job.Payload, at, at, 0, "", sqldb.Micros(tx.Now()))
		tx.Wake(wakeName(job.Kind))
	}
	if _, err := sqldb.ExecRows(ctx, tx, insertJobs, 9, mergeJobs, args); err != nil {
		return fmt.Errorf("jobs: enqueue: %w", err)
	}
	return nil
}

// Unfinished counts the jobs of a kind that have not ended.
func Unfinished(ctx context.Context, q sqldb.Querier, kind string) (int64, error) {
	var count int64
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM jobs WHERE kind = $1`, kind).Scan(&count); err != nil {
		return 0, fmt.Errorf("jobs: count: %w", err)
	}
	return count, nil
}
