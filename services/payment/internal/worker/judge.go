package worker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"orderflow.example/kit/jobs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/telemetry"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
)

// NoticeKind is that of the jobs that judge a notice again; their key is the notice's provider and event.
const NoticeKind = "notice"

const (
	soonest = time.Second // until an open notice is judged again: as long as it has been open, within these
	latest  = 5 * time.Minute
)

// Judge holds what webhooks say against what is known of the payments. It changes no payment: where an outcome is unknown,
// it has the provider asked sooner, and that is all.
type Judge struct {
	db       *sqldb.DB
	log      *slog.Logger
	verdicts *prometheus.CounterVec
}

// NewJudge makes a judge.
func NewJudge(db *sqldb.DB, log *slog.Logger, metrics prometheus.Registerer) *Judge {
	return &Judge{db: db, log: log, verdicts: promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "payment_notices_total",
		Help: "Notices of webhooks, by what they came to: they agree with the payment, or contradict it.",
	}, []string{"provider", "verdict"})}
}

// Receive keeps a notice and judges it for the first time; false when its event was received before, and nothing is done.
// Once it returns, the provider need not tell again.
func (j *Judge) Receive(ctx context.Context, n *store.Notice) (added bool, err error) {
	err = j.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		p, err := store.GetByOrder(ctx, tx, n.OrderID)
		if err != nil {
			return err
		}
		n.ReceivedAt = tx.Now()
		n.Judge(p, tx.Now())
		if added, err = store.AddNotice(ctx, tx, n); err != nil || !added || n.Standing != payment.Open {
			return err
		}
		if p.InDoubt { // what is not known may well be what the notice speaks of: it is asked for now, not at the next planned try
			if err := Enqueue(ctx, tx, p); err != nil {
				return err
			}
		}
		return j.again(ctx, tx, n)
	})
	if err == nil && added {
		j.tell(ctx, n)
	}
	return added, err
}

// again plans the next judgement of a notice that is open.
func (j *Judge) again(ctx context.Context, tx *sqldb.Tx, n *store.Notice) error {
	wait := min(max(soonest, tx.Now().Sub(n.ReceivedAt)), latest)
	return jobs.Enqueue(ctx, tx, jobs.Job{Kind: NoticeKind, Key: n.Provider + " " + n.EventID, RunAt: tx.Now().Add(wait)})
}

// Handle judges a notice that was open.
func (j *Judge) Handle(ctx context.Context, job jobs.Job) (*store.Notice, error) {
	provider, event, _ := strings.Cut(job.Key, " ")
	n, err := store.GetNotice(ctx, j.db, provider, event)
	if err != nil {
		return nil, err
	}
	if n == nil || n.Standing != payment.Open {
		return nil, jobs.Permanent(fmt.Errorf("notice %s is not open", job.Key))
	}
	now, err := j.db.Now(ctx)
	if err != nil {
		return nil, err
	}
	p, err := store.GetByOrder(ctx, j.db, n.OrderID)
	if err != nil {
		return nil, err
	}
	n.Judge(p, now)
	j.tell(ctx, n)
	return n, nil
}

// Store stores the verdicts, and plans when to judge those anew that are still open.
func (j *Judge) Store(ctx context.Context, tx *sqldb.Tx, done []jobs.Done[*store.Notice]) error {
	for _, job := range done {
		var err error
		if job.Result.Standing == payment.Open {
			err = j.again(ctx, tx, job.Result)
		} else {
			err = store.SaveVerdict(ctx, tx, job.Result)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tell counts a verdict, and lets people know of a contradiction.
func (j *Judge) tell(ctx context.Context, n *store.Notice) {
	if n.Standing == payment.Open {
		return
	}
	j.verdicts.WithLabelValues(n.Provider, strings.ToLower(string(n.Standing))).Inc()
	if n.Standing == payment.Contradicts {
		ctx = telemetry.With(ctx, slog.String("order_id", n.OrderID))
		j.log.ErrorContext(ctx, "a webhook contradicts what is known of a payment: nothing was changed", "provider", n.Provider,
			"event_id", n.EventID, "type", n.Type, "provider_reference", n.Reference, "amount", n.Amount, "reason", n.Reason)
	}
}
