package watch_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/order/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a database with orders.
type fixture struct {
	*testing.T
	db      *sqldb.DB
	hub     *watch.Hub
	metrics *prometheus.Registry
	log     bytes.Buffer
}

func each(t *testing.T, test func(f *fixture)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		test(newFixture(t, db))
	})
}

func newFixture(t *testing.T, db *sqldb.DB) *fixture {
	t.Helper()
	if err := sqldb.Migrate(t.Context(), db, "order", store.Migrations()); err != nil {
		t.Fatal(err)
	}
	f := &fixture{T: t, db: db, metrics: prometheus.NewRegistry()}
	var err error
	if f.hub, err = watch.NewHub(db, slog.New(slog.NewTextHandler(&f.log, nil)), f.metrics); err != nil {
		t.Fatal(err)
	}
	return f
}

// place stores orders in one transaction.
func (f *fixture) place(ids ...string) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		work := store.New(outbox.NewWriter("order", func(string, outbox.Record) ([]byte, error) { return []byte("event"), nil })).Begin(tx)
		for _, id := range ids {
			p := order.Placement{ID: id, UserID: "u1", Nonce: nonce(id), Items: []order.Line{{ProductID: "p1", Quantity: 1}}}
			event, err := order.Place(p, map[string]order.Product{"p1": {ID: "p1", Price: 1, Currency: "KRW", Version: 1}}, tx.Now())
			if err != nil {
				return err
			}
			if err := work.Record(order.New(p), store.Cause{}, event); err != nil {
				return err
			}
		}
		return work.Flush(ctx)
	})
}

func nonce(id string) (n uint32) {
	for _, c := range []byte(id) {
		n = n*31 + uint32(c)
	}
	return n
}

// witness stores another service's event.
func (f *fixture) witness(id string, sequence int64) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		work := store.New(nil).Begin(tx)
		work.Witness(store.Witnessed{OrderID: id, Fact: store.Fact{EventID: fmt.Sprint(id, sequence), Sequence: sequence}})
		return work.Flush(ctx)
	})
}

// value is that of a metric.
func (f *fixture) value(name string) float64 {
	f.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		f.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue() + family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	f.Fatalf("no metric %s", name)
	return 0
}

func (f *fixture) woken(w *watch.Watch) {
	f.Helper()
	select {
	case <-w.Changed():
	case <-time.After(30 * time.Second):
		f.Fatal("not woken")
	}
}

// Only the watchers of what changed are woken, by one look for all of them.
func TestOnlyWhatChangedWakes(t *testing.T) {
	each(t, func(f *fixture) {
		f.hub.SetSweep(time.Hour) // signals alone wake
		var ids []string
		for i := range 600 { // more than one statement asks for
			ids = append(ids, fmt.Sprintf("o%03d", i))
		}
		f.place(ids...)
		var all []*watch.Watch
		for _, id := range ids {
			w := f.hub.Watch(id)
			w.Seen(store.Mark{Own: 1})
			all = append(all, w)
		}
		second := f.hub.Watch(ids[7])
		second.Seen(store.Mark{Own: 1})
		began, looks := time.Now(), f.value("order_watch_looks_total")
		for i := range int64(20) {
			f.witness(ids[7], i+1)
			f.woken(all[7])
			f.woken(second)
			all[7].Seen(store.Mark{Own: 1, Witnessed: i + 1})
			second.Seen(store.Mark{Own: 1, Witnessed: i + 1})
		}
		if n := f.value("order_watch_looks_total") - looks; n > 21+time.Since(began).Seconds()+1 {
			f.Errorf("%v looks for 20 commits in %s", n, time.Since(began))
		}
		if n := f.value("order_watchers"); n != 601 {
			f.Errorf("%v watchers", n)
		}
		for i, w := range all {
			select {
			case <-w.Changed():
				if i != 7 { // 7 may have been woken twice by one change
					f.Errorf("watcher %d was woken for nothing", i)
				}
			default:
			}
			w.Stop()
		}
		second.Stop()
		if n := f.value("order_watchers"); n != 0 {
			f.Errorf("%v watchers are left", n)
		}
	})
}

// A commit of another process on the same database wakes, too, without the sweep.
func TestAnotherReplicaWakes(t *testing.T) {
	url := sqldbtest.PostgresURL(t)
	f := newFixture(t, sqldbtest.Open(t, sqldb.Config{URL: url}))
	other := newFixture(t, sqldbtest.Open(t, sqldb.Config{URL: url}))
	f.place("o1")
	f.hub.SetSweep(time.Hour)
	w := f.hub.Watch("o1")
	defer w.Stop()
	next := int64(1)
	for listening := false; !listening; next++ { // it begins to listen beside us
		other.witness("o1", next)
		select {
		case <-w.Changed():
			listening = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	for i := next - 1; i < next+10; i++ {
		w.Seen(store.Mark{Own: 1, Witnessed: i})
		other.witness("o1", i+1)
		f.woken(w)
	}
}

// Without watchers nothing looks, however much is written; the next watcher is woken again.
func TestNobodyWatches(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1")
		for round := range int64(3) {
			w := f.hub.Watch("o1")
			w.Seen(store.Mark{Own: 1, Witnessed: 2 * round})
			f.witness("o1", 2*round+1)
			f.woken(w)
			w.Stop()
			looks := f.value("order_watch_looks_total")
			f.witness("o1", 2*round+2)
			if n := f.value("order_watch_looks_total"); n != looks {
				f.Errorf("%v looks for nobody", n-looks)
			}
		}
	})
}

// A change that no signal told of, as when a notification is lost, is found by the sweep.
func TestSweep(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1")
		w := f.hub.Watch("o1")
		defer w.Stop()
		w.Seen(store.Mark{Own: 1})
		_, err := f.db.ExecContext(f.Context(), "UPDATE orders SET version = 2")
		if err != nil {
			f.Fatal(err)
		}
		f.woken(w)
	})
}

// Watchers that come and go at the same time leave nothing behind.
func TestWatchersComeAndGo(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "o2")
		var running sync.WaitGroup
		for i := range 20 {
			running.Go(func() {
				for range 20 {
					w := f.hub.Watch([]string{"o1", "o2"}[i%2])
					<-w.Changed() // nothing was seen yet: the first look wakes it
					w.Stop()
				}
			})
		}
		stop := make(chan struct{})
		writing := make(chan struct{})
		go func() {
			defer close(writing)
			for i := int64(1); ; i++ {
				select {
				case <-stop:
					return
				default:
					f.witness("o1", i)
				}
			}
		}()
		running.Wait()
		close(stop)
		<-writing
		if n := f.value("order_watchers"); n != 0 {
			f.Errorf("%v watchers are left", n)
		}
	})
}

// While the database fails, the hub says so and goes on; it is not silent and not loud.
func TestDatabaseFails(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1")
		w := f.hub.Watch("o1")
		w.Seen(store.Mark{Own: 1})
		rename := func(from, to string) {
			if _, err := f.db.ExecContext(f.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
				f.Fatal(err)
			}
		}
		rename("order_history", "away")
		looks := f.value("order_watch_looks_total")
		for deadline := time.Now().Add(10 * time.Second); f.value("order_watch_looks_total") < looks+2; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				f.Fatal("it gave up")
			}
		}
		rename("away", "order_history")
		f.witness("o1", 1)
		f.woken(w)
		w.Stop()
		if n := bytes.Count(f.log.Bytes(), []byte("could not be looked at")); n < 1 || n > 5 {
			f.Errorf("%d lines: %s", n, f.log.String())
		}
	})
}
