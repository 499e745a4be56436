package worker_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/payment/internal/events"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/providertest"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
)

// BenchmarkAuthorizeAndCapture is the whole way of a payment, on disk, with a provider over HTTP in the same process.
// One iteration is one order, so two calls.
func BenchmarkAuthorizeAndCapture(b *testing.B) {
	db := sqldbtest.Open(b, sqldb.Config{URL: sqldbtest.SQLiteURL(b)})
	if err := sqldb.Migrate(b.Context(), db, "payment", store.Migrations()); err != nil {
		b.Fatal(err)
	}
	payments := store.New(outbox.NewWriter("payment", encode))
	client, err := provider.New(provider.Config{URL: providertest.Start(b).URL, Treatment: provider.Treatment{Connections: 256}})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	operations := worker.New(db, payments, client, quiet)
	pool := jobs.NewWorker(jobs.Config[*worker.Answer]{
		DB: db, Kind: worker.Kind, Concurrency: 256, Handle: operations.Handle, Store: operations.Store, Log: quiet,
	})
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := pool.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	handler := events.NewHandler(payments)
	b.ResetTimer()
	for first := 0; first < b.N; first += 50 {
		if err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			for i := first; i < min(first+50, b.N); i++ {
				id := fmt.Sprintf("o%09d", i)
				if err := handler.Handle(ctx, tx, []inbox.Message{request(id), capture(id)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	waitFor(b, func() bool {
		n, err := store.Count(ctx, db, store.Filter{Status: payment.Captured})
		if err != nil {
			b.Fatal(err)
		}
		return n == int64(b.N)
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
	stop()
	running.Wait()
}

// waitFor polls a condition.
func waitFor(t testing.TB, reached func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !reached() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
