package platform

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"orderflow.example/dev/broker"
	"orderflow.example/dev/platform"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
)

const (
	readingTime = 30 * time.Second // for the topics
	lastLines   = 40               // of the log
)

// aboutOrder are the rows that tell of an order, by service; $1 is its id. What a service has not got is left out.
var aboutOrder = map[string][]string{
	"order": {
		`SELECT id, status, payment_status, cancel_cause, step, step_since, created_at, updated_at FROM orders WHERE id = $1`,
		`SELECT occurred_at, topic, sequence, type, event_id, causation_id FROM order_history WHERE order_id = $1 ORDER BY occurred_at`,
	},
	"inventory": {`SELECT * FROM reservations WHERE order_id = $1`},
	"payment": {
		`SELECT status, desired, in_doubt, tries, blocked_code, failure_code, provider_reference, asked_by, created_at, updated_at FROM payments WHERE order_id = $1`,
	},
	"notifier": {
		`SELECT id, fact_id, fact_type, created_at FROM notifications WHERE order_id = $1`,
		`SELECT d.id, d.notification_id, d.channel, d.status, d.attempts, d.last_error, d.sent_at FROM deliveries d
			JOIN notifications n ON n.id = d.notification_id WHERE n.order_id = $1`,
		`SELECT j.kind, j.key, j.attempts, j.claimable_at, j.lease_token, j.last_error FROM jobs j
			JOIN deliveries d ON d.id = j.key JOIN notifications n ON n.id = d.notification_id WHERE n.order_id = $1`,
	},
}

// aboutKey are the rows that every service may have of a key.
var aboutKey = []string{
	`SELECT id, topic, sequence, type, time, event_id, sent_at, refused FROM outbox WHERE key = $1 ORDER BY id`,
	`SELECT consumer, topic, last_sequence FROM inbox WHERE key = $1`,
	`SELECT consumer, topic, sequence, status, reason, detail, attempts, next_attempt_at, parked_at FROM parked WHERE key = $1 ORDER BY id`,
	`SELECT kind, attempts, run_at, claimable_at, lease_token, again_at, last_error FROM jobs WHERE key = $1`,
}

// explain writes down all that a data directory knows of an order: the rows of the four services, the events in the
// topics, and what was logged. The platform may run. What can't be read is said in its place.
func explain(ctx context.Context, dataDir, orderID string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "order %s at %s\n", orderID, time.Now().UTC().Format(clockTime))
	opened, err := platform.Open(ctx, dataDir)
	if err != nil {
		fmt.Fprintf(&b, "the data can't be opened: %v\n", err)
		return b.String()
	}
	for _, name := range platform.Services {
		for _, query := range append(aboutOrder[name], aboutKey...) {
			if err := writeRows(ctx, &b, name, opened.Services[name].DB, query, orderID); err != nil {
				fmt.Fprintf(&b, "%s: %s: %v\n", name, query, err)
			}
		}
	}
	if err := writeTopics(ctx, &b, dataDir, opened.Running, orderID); err != nil {
		fmt.Fprintf(&b, "topics: %v\n", err)
	}
	if err := writeLog(&b, filepath.Join(dataDir, "platform.log"), orderID); err != nil {
		fmt.Fprintf(&b, "log: %v\n", err)
	}
	if err := opened.Close(); err != nil {
		fmt.Fprintf(&b, "close: %v\n", err)
	}
	return b.String()
}

const clockTime = "15:04:05.000"

// writeRows writes each row of a query on a line, with the name of the table.
func writeRows(ctx context.Context, b *strings.Builder, service string, db *sqldb.DB, query, orderID string) error {
	_, from, _ := strings.Cut(query, " FROM ")
	table, _, _ := strings.Cut(from, " ")
	rows, err := db.QueryContext(ctx, query, orderID)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		fmt.Fprintf(b, "%s.%s:", service, table)
		for i, column := range columns {
			if text := columnText(column, values[i]); text != "" {
				fmt.Fprintf(b, " %s=%s", column, text)
			}
		}
		b.WriteByte('\n')
	}
	return rows.Err()
}

// columnText makes instants readable.
func columnText(column string, value sql.NullString) string {
	instant := column == "time" || strings.HasSuffix(column, "_at") || strings.HasSuffix(column, "_since")
	var micros int64
	if _, err := fmt.Sscan(value.String, &micros); !instant || err != nil || micros == 0 {
		return value.String
	}
	return sqldb.Time(micros).Format(clockTime)
}

// writeTopics writes the records of a key in the order of their partitions. Without a running platform it starts the
// broker of the data directory.
func writeTopics(ctx context.Context, b *strings.Builder, dataDir string, running bool, key string) (err error) {
	var address string
	if running {
		found, err := platform.Find(dataDir)
		if err != nil || found == nil {
			return fmt.Errorf("the platform is gone: %w", err)
		}
		address = found.Kafka
	} else {
		own, startErr := broker.Start(ctx, broker.Config{DataDir: filepath.Join(dataDir, "broker"), Log: slog.New(slog.DiscardHandler)})
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, own.Close()) }()
		address = own.Addr()
	}
	records, err := readTopics(ctx, address, key)
	for _, r := range records {
		fmt.Fprintf(b, "%s/%d@%d: sequence=%s type=%s id=%s time=%s written=%s\n", r.Topic, r.Partition, r.Offset,
			r.Headers["ce_sequence"], r.Headers["ce_type"], r.Headers["ce_id"], r.Headers["ce_time"], r.Timestamp.UTC().Format(clockTime))
	}
	return err
}

// readTopics reads the topics of the saga from their beginning to their end, and keeps the records of a key.
func readTopics(ctx context.Context, address, key string) ([]kafka.Record, error) {
	topics := []string{schemas.OrderEvents, schemas.InventoryEvents, schemas.PaymentEvents}
	ctx, stop := context.WithTimeout(ctx, readingTime)
	defer stop()
	var mu sync.Mutex
	var found []kafka.Record
	ends := map[string]bool{}
	consumer, err := kafka.NewConsumer(kafka.Config{Bootstrap: address}, kafka.ConsumerConfig{
		Group: fmt.Sprintf("explain-%d", time.Now().UnixNano()), Topics: topics, Log: slog.New(slog.DiscardHandler),
		Handle: func(_ context.Context, batch []kafka.Record) error {
			mu.Lock()
			defer mu.Unlock()
			for _, record := range batch {
				if record.Key == key {
					found = append(found, record)
				}
			}
			return nil
		},
		Passed: func(topic string, partition int32, _ time.Time) {
			mu.Lock()
			defer mu.Unlock()
			ends[fmt.Sprint(topic, partition)] = true
			if len(ends) == len(topics)*platform.Partitions {
				stop()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	err = consumer.Run(ctx)
	mu.Lock()
	defer mu.Unlock()
	if complete := len(ends) == len(topics)*platform.Partitions; err == nil && !complete {
		err = fmt.Errorf("only %d of %d partitions were read to their end within %s", len(ends), len(topics)*platform.Partitions, readingTime)
	}
	return found, err
}

// writeLog writes the last lines that name the order or tell of the whole platform's trouble.
func writeLog(b *strings.Builder, path, orderID string) error {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer file.Close()
	var lines []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		line := scanner.Text()
		if strings.Contains(line, orderID) || strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "circuit") {
			lines = append(lines, line)
		}
	}
	for _, line := range lines[max(0, len(lines)-lastLines):] {
		fmt.Fprintln(b, line)
	}
	return nil
}
