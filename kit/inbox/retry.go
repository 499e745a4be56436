package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
)

const (
	retryEvery   = time.Second // also: how often progress is stored
	measureEvery = 10 * time.Second
	retryKeys    = 100
	retryRows    = 500
)

// Run retries parked messages when their turn comes, and stores the progress of the consumers, until ctx ends.
func (p *Processor) Run(ctx context.Context) error {
	wake, stop := p.cfg.DB.Watch(wakeName(p.cfg.Group))
	defer stop()
	retry, measure := time.NewTicker(retryEvery), time.NewTicker(measureEvery)
	defer retry.Stop()
	defer measure.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
			err = p.retryAll(ctx)
		case <-retry.C:
			if err = p.storePassed(ctx); err == nil {
				err = p.retryAll(ctx)
			}
		case <-measure.C:
			err = p.measure(ctx)
		}
		if err != nil && ctx.Err() == nil {
			p.cfg.Log.WarnContext(ctx, "parked messages could not be worked on", "consumer", p.cfg.Group, "error", err)
		}
	}
}

// retryAll works until nothing is due that can be applied.
func (p *Processor) retryAll(ctx context.Context) error {
	for {
		handled, err := p.RetryParked(ctx)
		if err != nil || handled == 0 {
			return err
		}
	}
}

// RetryParked tries the parked messages that are due, and those of their keys behind them, in order, and tells how
// many were handled. Several replicas may do so at a time.
func (p *Processor) RetryParked(ctx context.Context) (int, error) {
	now, err := p.cfg.DB.Now(ctx)
	if err != nil {
		return 0, err
	}
	lanes, err := p.dueLanes(ctx, now)
	if err != nil || len(lanes) == 0 {
		return 0, err
	}
	var items []*item
	for _, l := range lanes {
		more, err := p.readLane(ctx, l, retryRows-len(items))
		if err != nil {
			return 0, err
		}
		items = append(items, more...)
		if len(items) == retryRows {
			break
		}
	}
	return p.apply(ctx, items)
}

// dueLanes are the lanes with a message that is due, the longest due first.
func (p *Processor) dueLanes(ctx context.Context, now time.Time) ([]lane, error) {
	rows, err := p.cfg.DB.QueryContext(ctx, `SELECT topic, key, MIN(next_attempt_at) FROM parked
		WHERE consumer = $1 AND status = 'waiting' AND next_attempt_at IS NOT NULL AND next_attempt_at <= $2
		GROUP BY topic, key ORDER BY 3, 1, 2 LIMIT $3`, p.cfg.Group, sqldb.Micros(now), retryKeys)
	if err != nil {
		return nil, fmt.Errorf("inbox: due messages: %w", err)
	}
	var lanes []lane
	err = each(rows, func() error {
		var l lane
		var at int64
		if err := rows.Scan(&l.topic, &l.key, &at); err != nil {
			return fmt.Errorf("inbox: due messages: %w", err)
		}
		lanes = append(lanes, l)
		return nil
	})
	return lanes, err
}

// readLane reads a lane's waiting messages, in order.
func (p *Processor) readLane(ctx context.Context, l lane, limit int) ([]*item, error) {
	parked, err := read(ctx, p.cfg.DB, `WHERE consumer = $1 AND topic = $2 AND key = $3 AND status = 'waiting' ORDER BY sequence, id LIMIT $4`,
		p.cfg.Group, l.topic, l.key, limit)
	if err != nil {
		return nil, err
	}
	items := make([]*item, 0, len(parked))
	for _, m := range parked {
		it, err := p.prepare(ctx, m.record())
		if err != nil {
			return nil, err
		}
		it.parkedID, it.attempts = m.ID, m.Attempts
		items = append(items, it)
	}
	return items, nil
}

func (p *Processor) measure(ctx context.Context) error {
	rows, err := p.cfg.DB.QueryContext(ctx, `SELECT status, COUNT(*) FROM parked WHERE consumer = $1 GROUP BY status`, p.cfg.Group)
	if err != nil {
		return fmt.Errorf("inbox: measure: %w", err)
	}
	counts := map[string]float64{}
	if err := each(rows, func() error {
		var status string
		var count float64
		err := rows.Scan(&status, &count)
		counts[status] = count
		return err
	}); err != nil {
		return fmt.Errorf("inbox: measure: %w", err)
	}
	for _, status := range []string{statusWaiting, statusDead} {
		p.metrics.nowParked.WithLabelValues(status).Set(counts[status])
	}
	return nil
}

// Parked is a message that waits, as an operator sees it.
type Parked struct {
	ID            int64 // of the row
	Consumer      string
	Topic         string
	Key           string // what waits behind it
	Sequence      int64
	EventID       string
	Partition     int32
	Offset        int64
	RecordKey     string
	RecordTime    time.Time
	Headers       map[string]string
	Payload       []byte
	Status        string // waiting, dead
	Reason        string // gap, behind, refused, unknown_type, undecodable, envelope
	Detail        string
	Attempts      int
	NextAttemptAt *time.Time // nil: when what is before it was applied
	ParkedAt      time.Time
}

func (m Parked) record() kafka.Record {
	return kafka.Record{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.RecordKey, Value: m.Payload, Headers: m.Headers, Timestamp: m.RecordTime}
}

func read(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Parked, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, consumer, topic, key, sequence, event_id, record_partition, record_offset, record_key, record_time,
		headers, payload, status, reason, detail, attempts, next_attempt_at, parked_at FROM parked `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("inbox: parked messages: %w", err)
	}
	var all []Parked
	err = each(rows, func() error {
		var m Parked
		var headers string
		var recordTime, parkedAt int64
		var next sql.NullInt64
		if err := rows.Scan(&m.ID, &m.Consumer, &m.Topic, &m.Key, &m.Sequence, &m.EventID, &m.Partition, &m.Offset, &m.RecordKey, &recordTime,
			&headers, &m.Payload, &m.Status, &m.Reason, &m.Detail, &m.Attempts, &next, &parkedAt); err != nil {
			return fmt.Errorf("inbox: parked messages: %w", err)
		}
		if err := json.Unmarshal([]byte(headers), &m.Headers); err != nil {
			return fmt.Errorf("inbox: headers of parked message %d: %w", m.ID, err)
		}
		m.RecordTime, m.NextAttemptAt, m.ParkedAt = sqldb.Time(recordTime), sqldb.TimeOrNil(next), sqldb.Time(parkedAt)
		all = append(all, m)
		return nil
	})
	return all, err
}
