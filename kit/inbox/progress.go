package inbox

import (
	"context"
	"fmt"
	"maps"
	"time"

	"orderflow.example/kit/sqldb"
)

type partition struct {
	topic  string
	number int32
}

// Passed notes that everything which the partition held at the instant has been handled, or is parked. Run stores it,
// about once a second.
func (p *Processor) Passed(topic string, number int32, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if which := (partition{topic, number}); at.After(p.passed[which]) {
		p.passed[which] = at
	}
}

func (p *Processor) storePassed(ctx context.Context) error {
	p.mu.Lock()
	passed := p.passed
	p.passed = map[partition]time.Time{}
	p.mu.Unlock()
	if len(passed) == 0 {
		return nil
	}
	err := p.cfg.DB.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		var args []any
		for which, at := range passed {
			args = append(args, p.cfg.Group, which.topic, int64(which.number), sqldb.Micros(byClockOf(tx, at)))
		}
		_, err := sqldb.ExecRows(ctx, tx, `INSERT INTO consumer_progress (consumer, topic, partition, passed_at) VALUES `, 4,
			` ON CONFLICT (consumer, topic, partition) DO UPDATE SET passed_at = excluded.passed_at WHERE consumer_progress.passed_at < excluded.passed_at`, args)
		return err
	})
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	newer := p.passed
	p.passed = passed
	maps.Copy(p.passed, newer)
	return fmt.Errorf("inbox: progress: %w", err)
}

// byClockOf turns an instant of this process's clock into the database's, by which timers are due: a replica whose
// clock is ahead must not make the others' timers fire early.
func byClockOf(tx *sqldb.Tx, at time.Time) time.Time {
	if tx.Flavor() == sqldb.SQLite {
		return at // one machine, one clock
	}
	return tx.Now().Add(-time.Since(at))
}

// PassedAt is the instant up to which a consumer group has handled everything: the earliest over all partitions of
// the topics, given by their number. It is the zero time as long as one is unknown.
func PassedAt(ctx context.Context, q sqldb.Querier, group string, partitions map[string]int) (time.Time, error) {
	rows, err := q.QueryContext(ctx, `SELECT topic, partition, passed_at FROM consumer_progress WHERE consumer = $1`, group)
	if err != nil {
		return time.Time{}, fmt.Errorf("inbox: progress: %w", err)
	}
	passed := map[partition]int64{}
	if err := each(rows, func() error {
		var which partition
		var at int64
		err := rows.Scan(&which.topic, &which.number, &at)
		passed[which] = at
		return err
	}); err != nil {
		return time.Time{}, fmt.Errorf("inbox: progress: %w", err)
	}
	var earliest int64
	for topic, count := range partitions {
		for number := range count {
			at, known := passed[partition{topic, int32(number)}]
			if !known {
				return time.Time{}, nil
			}
			if earliest == 0 || at < earliest {
				earliest = at
			}
		}
	}
	return sqldb.Time(earliest), nil
}
