package order

import (
	"fmt"
	"strings"
	"time"

	"orderflow.example/schemas/orderv1"
)

// Limits is how long each step of the saga may take.
type Limits map[Step]time.Duration

// maxBeforeConfirmed bounds the limits of the steps that hold a reservation: 5 minutes less than it lasts.
const maxBeforeConfirmed = 10 * time.Minute

// DefaultLimits are those of the saga's table.
func DefaultLimits() Limits {
	limits := make(Limits, len(saga))
	for _, r := range saga {
		limits[r.step] = r.limit
	}
	return limits
}

// Validate refuses limits that are not positive, and limits before the confirmation that could outlast the reservation.
func (l Limits) Validate() error {
	var before time.Duration
	for _, r := range saga {
		limit := l[r.step]
		if limit <= 0 {
			return fmt.Errorf("the time limit of step %s is %s: must be positive", r.step, limit)
		}
		if r.onLimit == cancels {
			before += limit
		}
	}
	if before > maxBeforeConfirmed {
		return fmt.Errorf("the time limits before the confirmation add up to %s: at most %s, because the reservation lasts 15m", before, maxBeforeConfirmed)
	}
	return nil
}

// CancellingSteps are the steps whose limit cancels the order.
func CancellingSteps() []Step { return stepsWith(cancels) }

// AlertingSteps are the steps whose limit only alerts.
func AlertingSteps() []Step { return stepsWith(alerts) }

func stepsWith(action limitAction) []Step {
	var steps []Step
	for _, r := range saga {
		if r.onLimit == action {
			steps = append(steps, r.step)
		}
	}
	return steps
}

// PassLimit cancels the order when its step cancels at its limit and began at or before `began`.
func PassLimit(o *Order, began, now time.Time) []Event {
	current := o.Step.rule()
	if current == nil || current.onLimit != cancels || o.StepSince.After(began) {
		return nil
	}
	return cancelled(o, orderv1.CancellationCauseTimeLimit, "The order could not be confirmed in time.", now)
}

// Awaits names the events that the step waits for, as "StockReserved or StockRejected".
func (s Step) Awaits() string {
	current := s.rule()
	if current == nil {
		return ""
	}
	names := make([]string, len(current.outcomes))
	for i, out := range current.outcomes {
		names[i] = out.event[strings.LastIndexByte(out.event, '.')+1:]
	}
	return strings.Join(names, " or ")
}
