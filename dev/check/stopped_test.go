package check_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/dev/check"
	"orderflow.example/dev/platform"
	"orderflow.example/kit/sqldb"
)

const patience = 60 * time.Second

// An order that waits for the provider when the platform stops is under way, a day later too, until nothing is left
// that would move it on.
func TestStopped(t *testing.T) {
	dir := t.TempDir()
	id := stopUnderWay(t, dir)
	o, err := platform.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	payment, order := o.Services["payment"].DB, o.Services["order"].DB
	behind := fmt.Sprintf(`UPDATE inbox SET last_sequence = last_sequence - 1 WHERE key = '%s'`, id)
	dead := `INSERT INTO parked (consumer, topic, key, sequence, event_id, record_partition, record_offset, record_key, record_time, headers, status, reason, detail, attempts, parked_at)
		SELECT consumer, topic, key, last_sequence + 1, 'e', 0, 0, key, 1, '{}', 'dead', 'refused', '', 1, 1 FROM inbox WHERE key = '` + id + `'`
	stuck := []string{"step AUTHORIZE_PAYMENT", "wanted AUTHORIZED", "is in AUTHORIZE_PAYMENT since"}
	steps := []struct {
		name  string
		db    *sqldb.DB
		query string
		want  []string // part of each violation; none: under way
	}{
		{"as it was left", nil, "", nil},
		{"its step began long ago", order, `UPDATE orders SET step_since = step_since - 86400000000`, nil},
		{"so did all that it sent", order, `UPDATE outbox SET sent_at = sent_at - 86400000000`, nil},
		{"the job is lost", payment, `DELETE FROM jobs`, stuck},
		{"an event is yet to be applied", payment, behind, nil},
		{"and never will be", payment, dead, append([]string{"is dead"}, stuck...)},
		{"it may be tried again", payment, `UPDATE parked SET status = 'waiting', next_attempt_at = 1`, []string{"is waiting"}},
		{"it was applied", payment, `DELETE FROM parked`, nil},
		{"so were all", payment, strings.Replace(behind, "- 1", "+ 1", 1), stuck},
		{"an event is yet to be sent", order, `UPDATE outbox SET sent_at = NULL WHERE key = '` + id + `'`, nil},
		{"the broker refuses it", order, `UPDATE outbox SET refused = 'too large' WHERE sent_at IS NULL AND sequence = 1`, []string{"is refused", stuck[0], stuck[1]}},
	}
	for _, step := range steps {
		if step.db != nil {
			exec(t, step.db, step.query)
		}
		results, underWay, err := check.Stopped(t.Context(), o.Services)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		// The steps change rows and no events, so that the row is the fold no more.
		results = slices.DeleteFunc(results, func(r check.Result) bool { return strings.HasSuffix(r.Name, "orders equal the fold of their events") })
		found := violations(results)
		for _, want := range step.want {
			if !strings.Contains(found, want) {
				t.Errorf("%s: want %q in\n%s", step.name, want, found)
			}
		}
		if n := check.Violations(results); n != len(step.want) {
			t.Errorf("%s: %d violations, want %d:\n%s", step.name, n, len(step.want), found)
		}
		isStuck := strings.Contains(found, stuck[0])
		if (underWay == 1) == isStuck {
			t.Errorf("%s: %d orders are under way, stuck: %t", step.name, underWay, isStuck)
		}
	}
	// On a running platform nothing is let pass.
	if results, err := check.All(t.Context(), o.Services); err != nil || !strings.Contains(violations(results), stuck[0]) {
		t.Errorf("%v\n%s", err, violations(results))
	}
}

func TestPrintUnderWay(t *testing.T) {
	var out bytes.Buffer
	if err := check.PrintUnderWay(&out, 3); err != nil || out.String() != "under way     3  orders go on at the next start\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func violations(results []check.Result) string {
	var all strings.Builder
	for _, r := range results {
		for _, v := range r.Violations {
			fmt.Fprintf(&all, "%s: %s\n", r.Name, v)
		}
	}
	return all.String()
}

func exec(t *testing.T, db *sqldb.DB, query string) {
	t.Helper()
	if err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, query)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// stopUnderWay runs a platform whose provider can't be reached, and stops it when a payment waits for another try.
func stopUnderWay(t *testing.T, dir string) (id string) {
	t.Helper()
	p, err := platform.Start(t.Context(), platform.Config{DataDir: dir, Variables: map[string]string{"PAYMENT_PROVIDER_URL": "http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	token, err := platform.Token(p.Issuer.Signer, "u1", "customer", "catalogue")
	if err != nil {
		t.Fatal(err)
	}
	post := func(service, path, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Addresses.ByService[service].REST+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	if code, text := post("inventory", "/v1/products", `{"productId":"p1","sku":"p1","name":"p1","price":100,"initialStock":5}`); code != http.StatusCreated {
		t.Fatalf("%d %s", code, text)
	}
	await(t, "the order is placed", func() bool {
		code, text := post("order", "/v1/orders", `{"userId":"u1","paymentToken":"tok_ok","items":[{"productId":"p1","quantity":1}]}`)
		if code == http.StatusCreated {
			id = regexp.MustCompile(`"id":\s*"([^"]+)"`).FindStringSubmatch(text)[1]
		}
		return code == http.StatusCreated
	})
	await(t, "the payment is tried again", func() bool {
		var tried int
		if err := p.Services["payment"].DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM payments WHERE tries > 0").Scan(&tried); err != nil {
			t.Fatal(err)
		}
		return tried == 1
	})
	await(t, "all events are sent", func() bool {
		results, err := check.All(t.Context(), p.Services)
		if err != nil {
			t.Fatal(err)
		}
		return check.Violations(results) == 2 // the order and its payment
	})
	for consumer, writer := range map[string]string{"inventory": "order", "payment": "order", "notifier": "order", "order": "inventory"} {
		await(t, consumer+" has applied what "+writer+" sent", func() bool {
			sent := last(t, p.Services[writer].DB, "SELECT MAX(sequence) FROM outbox WHERE topic = $1 AND key = $2", writer+".events", id)
			return last(t, p.Services[consumer].DB, "SELECT COALESCE(MAX(last_sequence), 0) FROM inbox WHERE topic = $1 AND key = $2", writer+".events", id) == sent
		})
	}
	return id
}

func last(t *testing.T, db *sqldb.DB, query string, args ...any) (sequence int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&sequence); err != nil {
		t.Fatal(err)
	}
	return sequence
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
