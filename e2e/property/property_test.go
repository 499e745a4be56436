package property

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

const (
	shards          = 2   // each with services of its own
	schedulesByDef  = 500 // over all shards
	stepsOfSchedule = "60"
	sightsAfter     = 2000 // schedules after which every sight must have been seen
)

// TestAnySchedule: whatever happens in whatever order, at rest every invariant holds.
func TestAnySchedule(t *testing.T) {
	asked, err := configure()
	if err != nil {
		t.Fatal(err)
	}
	var total tally
	t.Run("shards", func(t *testing.T) {
		for i := range shards {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				t.Cleanup(func() {
					if err := w.close(); err != nil {
						t.Errorf("close: %v", err)
					}
				})
				rapid.Check(t, func(r *rapid.T) { total.add(w.schedule(r)) })
			})
		}
	})
	t.Log(&total)
	if total.schedules < asked && !t.Failed() {
		t.Errorf("%d schedules were asked for, %d ran: give the test more time with -timeout", asked, total.schedules)
	}
	if missing := total.missing(); total.schedules >= sightsAfter && len(missing) > 0 {
		t.Errorf("never seen: %q", missing)
	}
}

// configure takes rapid's number of checks from PROPERTY_SCHEDULES, unless its flag is set, and tells how many schedules
// were asked for in the variable: rapid runs fewer, silently, when the time of the test is nearly over.
func configure() (asked int, err error) {
	schedules := schedulesByDef
	if text := os.Getenv("PROPERTY_SCHEDULES"); text != "" {
		if asked, err = strconv.Atoi(text); err != nil || asked < 1 {
			return 0, fmt.Errorf("PROPERTY_SCHEDULES=%q: must be a positive number", text)
		}
		schedules = asked
	}
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["rapid.steps"] {
		if err := flag.Set("rapid.steps", stepsOfSchedule); err != nil {
			return 0, err
		}
	}
	if given["rapid.checks"] {
		return 0, nil
	}
	return asked, flag.Set("rapid.checks", strconv.Itoa((schedules+shards-1)/shards))
}

// schedule runs one and returns what was seen.
func (w *world) schedule(t *rapid.T) sights {
	w.begin(t)
	var products []string
	for i := range rapid.IntRange(2, 3).Draw(t, "products") {
		products = append(products, fmt.Sprintf("p%d", i+1))
		w.sell(products[i], 100*rapid.Int64Range(1, 5).Draw(t, "price"), rapid.SampledFrom([]int64{0, 2, 3, 5, 8}).Draw(t, "stock"))
	}
	t.Repeat(w.steps(t, products))
	w.reporter = t
	w.rest()
	w.mustHold()
	w.look()
	return w.seen
}
