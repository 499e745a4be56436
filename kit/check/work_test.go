package check_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"orderflow.example/kit/check"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestReadWork(t *testing.T) {
	outbox := func(key string, sequence int, sent, refused string) string {
		return fmt.Sprintf(`INSERT INTO outbox (event_id, topic, key, sequence, type, source, time, causation_id, correlation_id, trace_parent, headers, sent_at, refused)
			VALUES ('e', 't', '%s', %d, 'T', 's', 1, '', '', '', '', %s, %s)`, key, sequence, sent, refused)
	}
	message := func(consumer, key, status, next string) string {
		return fmt.Sprintf(`INSERT INTO parked (consumer, topic, key, sequence, event_id, record_partition, record_offset, record_key, record_time, headers, status, reason, detail, attempts, next_attempt_at, parked_at)
			VALUES ('%s', 't', '%s', 2, 'e', 0, 0, 'k', 1, '{}', '%s', 'refused', '', 1, %s, 1)`, consumer, key, status, next)
	}
	statements := []string{
		`INSERT INTO jobs (kind, key, id, run_at, claimable_at, attempts, last_error, created_at) VALUES ('k', 'job', 'i', 1, 1, 0, '', 1)`,
		outbox("sent", 1, "1", "NULL"), outbox("sent", 2, "1", "NULL"),
		outbox("unsent", 1, "1", "NULL"), outbox("unsent", 2, "NULL", "NULL"),
		outbox("refused", 1, "1", "NULL"), outbox("refused", 2, "NULL", "'too large'"), outbox("refused", 3, "NULL", "NULL"),
		outbox("before", 1, "NULL", "NULL"), outbox("before", 2, "NULL", "'too large'"),
		message("c", "again", "waiting", "1"), message("c", "behind", "waiting", "NULL"), message("c", "dead", "dead", "NULL"),
		message("other", "others", "waiting", "1"),
		`INSERT INTO inbox (consumer, topic, key, last_sequence) VALUES ('c', 't', 'applied', 4), ('other', 't', 'others', 5)`,
	}
	want := check.Work{
		Keys:    map[string]bool{"job": true, "unsent": true, "before": true, "again": true},
		Sent:    map[check.Lane]int64{{"t", "sent"}: 2, {"t", "unsent"}: 1, {"t", "refused"}: 1},
		Applied: map[check.Lane]int64{{"t", "applied"}: 4},
		Blocked: map[check.Lane]bool{{"t", "dead"}: true},
	}
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			for _, statement := range statements {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		})
		if got, err := check.ReadWork(t.Context(), db, "c"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}
