package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fact is an event whose bytes are its text.
type fact string

func (fact) RecordName() string { return "test.v1.Fact" }

func newTestWriter() *Writer {
	return NewWriter("test", func(topic string, r Record) ([]byte, error) {
		if r.(fact) == "unencodable" {
			return nil, errors.New("no schema")
		}
		return []byte(r.(fact)), nil
	})
}

// add appends events "KEY SEQUENCE" to a topic.
func add(t *testing.T, db *sqldb.DB, topic string, events ...string) {
	t.Helper()
	sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
		return newTestWriter().Append(ctx, tx, drafts(t, topic, events...)...)
	})
}

func drafts(t *testing.T, topic string, events ...string) []Draft {
	t.Helper()
	drafts := make([]Draft, len(events))
	for i, event := range events {
		d := Draft{Topic: topic, Data: fact(event)}
		if _, err := fmt.Sscan(event, &d.Key, &d.Sequence); err != nil {
			t.Fatal(err)
		}
		drafts[i] = d
	}
	return drafts
}

func texts(rows []Row) []string {
	var texts []string
	for _, row := range rows {
		texts = append(texts, string(row.Payload))
	}
	return texts
}

func TestAppendIsTheEventLog(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		add(t, db, "a.events", "k1 1", "k2 1", "k1 2")
		add(t, db, "b.events", "k1 1")
		add(t, db, "a.events", "k2 2", "k1 3", "k3 0")

		log, err := Log(t.Context(), db, "a.events", "k1")
		if err != nil || !slices.Equal(texts(log), []string{"k1 1", "k1 2", "k1 3"}) {
			t.Errorf("log %v, %v", texts(log), err)
		}
		var all []string
		if err := Each(t.Context(), db, "a.events", func(r Row) error {
			all = append(all, string(r.Payload))
			return nil
		}); err != nil || !slices.Equal(all, []string{"k1 1", "k1 2", "k1 3", "k2 1", "k2 2"}) {
			t.Errorf("all %v, %v", all, err)
		}
		enough := errors.New("enough")
		if err := Each(t.Context(), db, "a.events", func(Row) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("error %v", err)
		}
		unsent, err := Unsent(t.Context(), db, 4)
		if err != nil || !slices.Equal(texts(unsent), []string{"k1 1", "k2 1", "k1 2", "k1 1"}) {
			t.Errorf("unsent %v, %v", texts(unsent), err)
		}
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			return MarkSent(ctx, tx, []int64{unsent[0].ID, unsent[1].ID, unsent[3].ID})
		})
		unsent, err = Unsent(t.Context(), db, 100)
		if err != nil || !slices.Equal(texts(unsent), []string{"k1 2", "k2 2", "k1 3", "k3 0"}) {
			t.Errorf("unsent %v, %v", texts(unsent), err)
		}
		if log, err = Log(t.Context(), db, "a.events", "k1"); err != nil || log[0].SentAt == nil || log[1].SentAt != nil {
			t.Errorf("log %+v, %v", log, err)
		}
	})
}

func TestLongLogIsReadInPages(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		const keys, events = 3, 700 // more than two pages, and a page that ends within a key
		var all []string
		for sequence := range events {
			for key := range keys {
				all = append(all, fmt.Sprintf("k%d %d", key, sequence+1))
			}
		}
		add(t, db, "a.events", all...)
		next := map[string]int64{}
		if err := Each(t.Context(), db, "a.events", func(r Row) error {
			next[r.Key]++
			if r.Sequence != next[r.Key] {
				return fmt.Errorf("%s has %d where %d belongs", r.Key, r.Sequence, next[r.Key])
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(next, map[string]int64{"k0": events, "k1": events, "k2": events}) {
			t.Errorf("read %v", next)
		}
	})
}

func TestAppendRefusals(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		add(t, db, "a.events", "k 1")
		tests := map[string]struct {
			draft Draft
			want  string
		}{
			"sequence taken": {Draft{Topic: "a.events", Key: "k", Sequence: 1, Data: fact("k 1")}, "append"},
			"unencodable":    {Draft{Topic: "a.events", Key: "k", Sequence: 2, Data: fact("unencodable")}, "encode test.v1.Fact for a.events: no schema"},
		}
		for name, test := range tests {
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return newTestWriter().Append(ctx, tx, test.draft) })
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if log, err := Log(t.Context(), db, "a.events", "k"); err != nil || len(log) != 1 {
			t.Errorf("log %v, %v", log, err)
		}
	})
}

func TestRowIsACloudEvent(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		id := NewID()
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			w := newTestWriter()
			if err := w.Append(ctx, tx, Draft{ID: id, Topic: "a.events", Key: "k", Sequence: 7, Data: fact("x"), Time: at,
				CausationID: "cause", CorrelationID: "order", TraceParent: "00-trace"}); err != nil {
				return err
			}
			return w.AppendRaw(ctx, tx, Row{Topic: "g.dlq", Key: "k", Type: "t", Time: at, EventID: "copy", Source: "elsewhere",
				Headers: map[string]string{"dlq_reason": "why", "content-type": "text/plain"}})
		})
		rows, err := Unsent(t.Context(), db, 10)
		if err != nil || len(rows) != 2 {
			t.Fatal(rows, err)
		}
		event, copied := rows[0].Record(), rows[1].Record()
		if event.Topic != "a.events" || event.Key != "k" || string(event.Value) != "x" || event.Timestamp != at {
			t.Errorf("record %+v", event)
		}
		want := map[string]string{"ce_specversion": "1.0", "ce_id": id, "ce_type": "test.v1.Fact", "ce_source": "test", "ce_subject": "k",
			"ce_time": "2026-01-02T03:04:05.000006Z", "content-type": "application/avro", "ce_sequence": "7",
			"ce_correlationid": "order", "ce_causationid": "cause", "traceparent": "00-trace"}
		if !maps.Equal(event.Headers, want) {
			t.Errorf("headers %v", event.Headers)
		}
		want = map[string]string{"ce_specversion": "1.0", "ce_id": "copy", "ce_type": "t", "ce_source": "elsewhere", "ce_subject": "k",
			"ce_time": "2026-01-02T03:04:05.000006Z", "content-type": "text/plain", "dlq_reason": "why"}
		if !maps.Equal(copied.Headers, want) || copied.Value != nil {
			t.Errorf("copy %+v", copied)
		}
	})
}
