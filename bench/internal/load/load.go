// Package load sends requests at a fixed rate, whatever the answers do (open model), and measures each from the moment
// it was due: a server that stalls can't hide it by slowing the sender down (coordinated omission).
package load

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Plan says how much to send.
type Plan struct {
	Rate     int           // requests a second
	Duration time.Duration // of sending; answers may come later
	InFlight int           // at most so many at once; a request due beyond that waits, and its wait is measured
	Progress func(sent int, due int)
}

// Report is what came of a plan.
type Report struct {
	Sent, Failed int
	Latency      *hdrhistogram.Histogram // microseconds from due to answered, of the successes
	FirstError   error
}

// Run sends plan.Rate × plan.Duration requests; send does one, the i-th, which was due at `due`.
func Run(ctx context.Context, plan Plan, send func(ctx context.Context, i int, due time.Time) error) Report {
	report := Report{Latency: hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)}
	total := int(float64(plan.Rate) * plan.Duration.Seconds())
	interval := time.Second / time.Duration(plan.Rate)
	slots := make(chan struct{}, plan.InFlight)
	start := time.Now()
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range total {
		due := start.Add(time.Duration(i) * interval)
		if !waitUntil(ctx, due) {
			break
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		group.Add(1)
		go func() {
			defer group.Done()
			err := send(ctx, i, due)
			took := time.Since(due)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			report.Sent++
			if err != nil {
				report.Failed++
				if report.FirstError == nil {
					report.FirstError = err
				}
				return
			}
			_ = report.Latency.RecordValue(min(took.Microseconds(), report.Latency.HighestTrackableValue())) // within range by the min
		}()
		if plan.Progress != nil && (i+1)%plan.Rate == 0 {
			plan.Progress(i+1, total)
		}
	}
	group.Wait()
	return report
}

func waitUntil(ctx context.Context, due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
