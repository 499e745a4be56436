package outbox

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
)

// wakeName is the signal that a relay watches.
const wakeName = "outbox"

const (
	insertRows = `INSERT INTO outbox (event_id, topic, key, sequence, type, source, time, causation_id, correlation_id, trace_parent, headers, payload) VALUES `
	columns    = 12
)

// Writer puts events into the outbox.
type Writer struct {
	source string
	encode func(topic string, r Record) ([]byte, error)
}

// NewWriter makes a writer of events of one source. encode gives the final bytes of a record for a topic.
func NewWriter(source string, encode func(topic string, r Record) ([]byte, error)) *Writer {
	return &Writer{source: source, encode: encode}
}

// Append writes events in the order given; the relay is woken at the commit. The caller holds the lock on the
// aggregate's row when it takes the sequences, so that the ids of a key's rows rise with its sequences.
func (w *Writer) Append(ctx context.Context, tx *sqldb.Tx, drafts ...Draft) error {
	rows := make([]Row, len(drafts))
	for i, d := range drafts {
		payload, err := w.encode(d.Topic, d.Data)
		if err != nil {
			return fmt.Errorf("outbox: encode %s for %s: %w", d.Data.RecordName(), d.Topic, err)
		}
		rows[i] = Row{
			EventID: d.ID, Topic: d.Topic, Key: d.Key, Sequence: d.Sequence, Type: d.Data.RecordName(), Payload: payload,
			Time: d.Time, CausationID: d.CausationID, CorrelationID: d.CorrelationID, TraceParent: d.TraceParent,
		}
	}
	return w.AppendRaw(ctx, tx, rows...)
}

// AppendRaw writes ready rows, as copies for a dead-letter topic are. An empty EventID, Source or Time is filled in.
func (w *Writer) AppendRaw(ctx context.Context, tx *sqldb.Tx, rows ...Row) error {
	if len(rows) == 0 {
		return nil
	}
	args := make([]any, 0, len(rows)*columns)
	for _, r := range rows {
		headers, err := encodeHeaders(r.Headers)
		if err != nil {
			return fmt.Errorf("outbox: headers: %w", err)
		}
		args = append(args, orNewID(r.EventID), r.Topic, r.Key, r.Sequence, r.Type, orSource(r.Source, w.source), sqldb.Micros(orNow(r.Time, tx)),
			r.CausationID, r.CorrelationID, r.TraceParent, headers, r.Payload)
	}
	if _, err := sqldb.ExecRows(ctx, tx, insertRows, columns, "", args); err != nil {
		return fmt.Errorf("outbox: append: %w", err)
	}
	tx.Wake(wakeName)
	return nil
}

func orNewID(id string) string {
	if id == "" {
		return NewID()
	}
	return id
}

func orSource(source, otherwise string) string {
	if source == "" {
		return otherwise
	}
	return source
}

func orNow(t time.Time, tx *sqldb.Tx) time.Time {
	if t.IsZero() {
		return tx.Now()
	}
	return t
}
