package check_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"orderflow.example/kit/check"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

const (
	event  = `INSERT INTO outbox (event_id, topic, key, sequence, type, source, time, causation_id, correlation_id, trace_parent, headers, refused) VALUES ('e', 't', 'k', %s, 'T', 's', 1, '', '', '', '', %s)`
	parked = `INSERT INTO parked (consumer, topic, key, sequence, event_id, record_partition, record_offset, record_key, record_time, headers, status, reason, detail, attempts, parked_at)
		VALUES ('c', 't', 'k', %s, 'e', 0, 0, 'k', 1, '{}', 'dead', 'refused', '', 1, 1)`
	applied = `INSERT INTO inbox (consumer, topic, key, last_sequence) VALUES ('c', 't', 'k', %s)`
)

func TestCommon(t *testing.T) {
	good := []string{fmt.Sprintf(event, "1", "NULL"), fmt.Sprintf(event, "2", "NULL"), fmt.Sprintf(event, "0", "NULL"), fmt.Sprintf(applied, "4")}
	tests := map[string]struct {
		more []string
		want []string // part of each violation
	}{
		"good":                 {nil, nil},
		"a gap":                {[]string{fmt.Sprintf(event, "4", "NULL")}, []string{"t k has 3 events numbered 1 to 4"}},
		"a refused event":      {[]string{fmt.Sprintf(event, "3", "'too large'")}, []string{"t k event 4 is refused: too large"}},
		"a parked message":     {[]string{fmt.Sprintf(parked, "5")}, []string{"t k message 1 (sequence 5) is dead: refused"}},
		"ahead of a message":   {[]string{fmt.Sprintf(parked, "4")}, []string{"is dead: refused", "waits with sequence 4 and 4 was applied"}},
		"begins in the middle": {[]string{strings.ReplaceAll(fmt.Sprintf(event, "5", "NULL"), "'k'", "'l'")}, []string{"t l has 1 events numbered 5 to 5"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
				sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
					for _, statement := range slices.Concat(good, test.more) {
						if _, err := tx.ExecContext(ctx, statement); err != nil {
							return err
						}
					}
					return nil
				})
				var violations []string
				for _, c := range check.Common() {
					result, err := c.Run(t.Context(), db)
					if err != nil {
						t.Fatalf("%s: %v", c.Name, err)
					}
					if result.Count == 0 {
						t.Errorf("%s looked at nothing", c.Name)
					}
					violations = append(violations, result.Violations...)
				}
				if len(violations) != len(test.want) {
					t.Fatalf("violations %q, want %q", violations, test.want)
				}
				for i, want := range test.want {
					if !strings.Contains(violations[i], want) {
						t.Errorf("violation %q, want %q in it", violations[i], want)
					}
				}
			})
		})
	}
}

func TestManyViolationsAreCounted(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			for n := range 25 {
				if _, err := tx.ExecContext(ctx, strings.ReplaceAll(fmt.Sprintf(event, "2", "NULL"), "'k'", fmt.Sprintf("'k%02d'", n))); err != nil {
					return err
				}
			}
			return nil
		})
		result, err := check.Common()[0].Run(t.Context(), db)
		if err != nil || len(result.Violations) != 21 || result.Violations[20] != "and 5 more" {
			t.Errorf("%v, %v", result, err)
		}
	})
}
