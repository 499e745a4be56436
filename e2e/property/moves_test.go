package property

import (
	"context"
	"runtime"
	"time"

	"orderflow.example/kit/jobs"
)

// events lets events be sent and delivered once, as far as nobody is down, and tells how many.
func (w *world) events() int {
	w.Helper()
	moved := 0
	for _, name := range names {
		if !w.mute[name] {
			moved += w.relay(name, 1000, false)
		}
	}
	for _, r := range w.readers {
		if !r.away {
			moved += w.take(r, 1000, false)
		}
	}
	return moved
}

// allWork runs all due jobs and tries parked messages once.
func (w *world) allWork() int {
	w.Helper()
	moved := 0
	for _, name := range names {
		moved += w.retryParked(name) + w.work(name)
	}
	return moved
}

// settle lets everything flow until nothing moves, at one instant.
func (w *world) settle() int {
	w.Helper()
	const most = 200
	moved := 0
	for range most {
		n := w.events() + w.allWork()
		if n == 0 {
			return moved
		}
		moved += n
	}
	w.Fatalf("the platform does not settle in %d rounds", most)
	return moved
}

// work runs the due jobs of a service and tells how many.
func (w *world) work(name string) int {
	w.Helper()
	ran := 0
	for _, worker := range w.services[name].Workers {
		n, err := worker.RunDue(w.ctx)
		if err != nil {
			w.Fatalf("jobs of %s: %v", name, err)
		}
		ran += n
	}
	return ran
}

// dieWorking is a worker that takes the due jobs of a service and dies before it has done anything: their leases have
// to run out before another can do them.
func (w *world) dieWorking(name string) {
	w.Helper()
	for _, kind := range w.jobKinds(name) {
		worker := jobs.NewWorker(jobs.Config[any]{DB: w.services[name].DB, Kind: kind, Timeout: 30 * time.Second, Log: w.services[name].Log,
			Handle: func(context.Context, jobs.Job) (any, error) {
				w.seen.note(workerDied, true)
				runtime.Goexit()
				return nil, nil
			}})
		dead := make(chan struct{})
		go func() {
			defer close(dead)
			_, _ = worker.RunDue(w.ctx) // it does not return when there was a job
		}()
		<-dead
	}
}

// loseLease has the next worker that calls the provider hang until its lease is over and another has taken its jobs,
// which does them meanwhile, or dies with them: then what the provider did is known to nobody.
func (w *world) loseLease(otherDies bool) {
	w.provider.during(func() {
		w.seen.note(leaseLost, true)
		w.clock.advance(2 * time.Minute)
		if otherDies {
			w.dieWorking("payment")
		} else {
			w.work("payment")
		}
	})
}

func (w *world) jobKinds(name string) []string {
	w.Helper()
	rows, err := w.services[name].DB.QueryContext(w.ctx, `SELECT DISTINCT kind FROM jobs ORDER BY kind`)
	if err != nil {
		w.Fatalf("jobs of %s: %v", name, err)
	}
	defer rows.Close()
	var kinds []string
	for rows.Next() {
		var kind string
		if err := rows.Scan(&kind); err != nil {
			w.Fatalf("jobs of %s: %v", name, err)
		}
		kinds = append(kinds, kind)
	}
	if err := rows.Err(); err != nil {
		w.Fatalf("jobs of %s: %v", name, err)
	}
	return kinds
}

// fire fires a service's timers for what was due when its consumers had last passed, at the latest now.
func (w *world) fire(name string) int {
	w.Helper()
	fired := 0
	for _, t := range w.services[name].Timers {
		n, err := t.Fire(w.ctx, w.passed(name))
		if err != nil {
			w.Fatalf("timer %s of %s: %v", t.Name, name, err)
		}
		fired += n
	}
	return fired
}

func (w *world) retryParked(name string) int {
	w.Helper()
	applied := 0
	for _, p := range w.services[name].Processors {
		n, err := p.RetryParked(w.ctx)
		if err != nil {
			w.Fatalf("parked messages of %s: %v", name, err)
		}
		applied += n
	}
	return applied
}

// rest ends all trouble and lets time pass until nothing moves any more: past retries and leases, past the limits of
// the saga and the expiry of reservations, past the longest limit of all.
func (w *world) rest() {
	w.Helper()
	w.provider.trouble(0, 0)
	w.receiver.trouble(0)
	w.mute = map[string]bool{}
	for _, r := range w.readers {
		r.away = false
	}
	w.settle()
	for _, step := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, time.Hour} {
		for range 20 { // as often as it takes until nothing more comes of it
			w.clock.advance(step)
			moved := w.settle()
			for _, name := range names {
				moved += w.fire(name)
			}
			if moved+w.settle() == 0 {
				break
			}
		}
	}
	if moved := w.settle(); moved > 0 {
		w.Errorf("the platform does not come to rest: %d things moved at the end", moved)
	}
}
