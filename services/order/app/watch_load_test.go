package app_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// value sums a counter of the service.
func (r *rig) value(name string) (sum float64) {
	r.Helper()
	families, err := r.Telemetry.Metrics.Gather()
	if err != nil {
		r.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
			return sum
		}
	}
	r.Fatalf("no metric %s", name)
	return 0
}

// Two hundred watchers, half of them over REST, of as many orders, of which twenty live on while others are placed:
// each is told all and nothing else, and the database is asked for what changed, not for every watcher at every commit.
func TestManyWatchers(t *testing.T) {
	onEach(t, func(r *rig) {
		const watchers, lively, placed = 200, 20, 100
		ctx, cancel := r.owner()
		defer cancel()
		ids, feeds := make([]string, watchers), make([]feed, watchers)
		for i := range watchers {
			ids[i] = r.order("u1").GetId()
			open := transports["gRPC"]
			if i%2 == 1 {
				open = transports["SSE"]
			}
			feeds[i] = open(r, ctx, ids[i], "")
			r.take(feeds[i], 1)
		}
		if n := r.value("order_watchers"); n != watchers {
			r.Errorf("%v watchers", n)
		}
		looks, reads, began := r.value("order_watch_looks_total"), r.value("order_watch_reads_total"), time.Now()

		var running sync.WaitGroup
		got := make([][]*orderv1.WatchOrderResponse, lively)
		problems := make(chan error, lively)
		for i := range lively {
			running.Go(func() {
				for range 8 {
					m, err := feeds[i]()
					if err != nil {
						problems <- fmt.Errorf("watcher %d: %w", i, err)
						return
					}
					got[i] = append(got[i], m)
				}
			})
		}
		for i := range placed {
			r.order("u2")
			if i%5 == 0 {
				r.pay(ids[i/5])
			}
		}
		running.Wait()
		close(problems)
		for err := range problems {
			r.Error(err)
		}
		for i := range got {
			if !slices.Equal(types(got[i]), lifeTypes[1:9]) {
				r.Errorf("watcher %d: %v", i, types(got[i]))
			}
		}
		commits := float64(placed + 4*lively)
		looks, reads = r.value("order_watch_looks_total")-looks, r.value("order_watch_reads_total")-reads
		// A look may fall between a watcher's reading and its saying so: it reads once more than needed then.
		if reads > 2*4*lively {
			r.Errorf("%v reads for %d changes of watched orders", reads, 4*lively)
		}
		if most := commits + time.Since(began).Seconds() + 2; looks > most {
			r.Errorf("%v looks for %v commits in %s", looks, commits, time.Since(began))
		}
		t.Logf("%v commits in %s: %v looks, %v reads", commits, time.Since(began), looks, reads)

		cancel()
		for deadline := time.Now().Add(10 * time.Second); r.value("order_watchers") > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				r.Fatalf("%v watchers are left", r.value("order_watchers"))
			}
		}
	})
}
