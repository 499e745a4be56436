package simulator

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/dev/internal/journal"
)

const (
	sendersAtOnce = 8
	sendLimit     = 10 * time.Second // for one delivery
	longestRetry  = time.Minute
)

// WebhookFaults are what goes wrong on the way of webhooks, for tests.
type WebhookFaults struct {
	Duplicate bool          // each event is delivered twice, though it was acknowledged
	Scatter   time.Duration // each is held back for a random time up to this, so that they come late and in any order
	Forge     bool          // before each, somebody without the secret sends one that says otherwise under the same id
}

// delivery is an event on its way.
type delivery struct {
	Event
	commit *journal.Commit // of the change that it tells of; nil: on disk long ago
	due    time.Time
	tries  int
	again  bool // it was acknowledged, and is delivered once more
}

// webhooks delivers events until each is answered with a 2xx. What is not delivered yet is told by the journal.
type webhooks struct {
	signer *standardwebhooks.Webhook
	retry  time.Duration
	delay  time.Duration
	log    *slog.Logger
	client *http.Client
	done   func(eventID string) // writes down that an event was delivered

	mu      sync.Mutex
	url     string
	faults  WebhookFaults
	queue   queue
	sending int
	refused int // forged ones that were not taken

	wake chan struct{}
	stop context.CancelFunc
	ran  sync.WaitGroup
}

func newWebhooks(cfg Config, done func(eventID string)) (*webhooks, error) {
	signer, err := standardwebhooks.NewWebhook(cfg.WebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("WebhookSecret: %w", err)
	}
	return &webhooks{
		signer: signer, retry: cfg.WebhookRetry, delay: cfg.WebhookDelay, log: cfg.Log, url: cfg.WebhookURL, done: done, wake: make(chan struct{}, 1),
		client: &http.Client{Timeout: sendLimit, Transport: &http.Transport{MaxIdleConnsPerHost: sendersAtOnce},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// run begins to deliver.
func (h *webhooks) run() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.ran.Go(func() { h.dispatch(ctx) })
}

// close stops delivering; what was not acknowledged is delivered by the next run.
func (h *webhooks) close() {
	h.stop()
	h.ran.Wait()
	h.client.CloseIdleConnections()
}

// add queues an event.
func (h *webhooks) add(e Event, commit *journal.Commit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wait := h.delay
	if h.faults.Scatter > 0 {
		wait += rand.N(h.faults.Scatter)
	}
	h.push(delivery{Event: e, commit: commit, due: time.Now().Add(wait)})
}

// push queues; the caller holds mu.
func (h *webhooks) push(d delivery) {
	heap.Push(&h.queue, d)
	h.signal()
}

// signal wakes the dispatcher: something is new, or there is room for another call.
func (h *webhooks) signal() {
	select {
	case h.wake <- struct{}{}:
	default: // a signal that waits already covers this one
	}
}

func (h *webhooks) dispatch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
		timer.Reset(h.sendDue(ctx))
	}
}

// sendDue sends what is due, and tells how long nothing else is.
func (h *webhooks) sendDue(ctx context.Context) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.url != "" && len(h.queue) > 0 && h.sending < sendersAtOnce {
		if wait := time.Until(h.queue[0].due); wait > 0 {
			return wait
		}
		d := heap.Pop(&h.queue).(delivery)
		h.sending++
		url, faults := h.url, h.faults
		h.ran.Go(func() { h.deliver(ctx, url, faults, d) })
	}
	return time.Minute // a change wakes
}

// deliver makes one try.
func (h *webhooks) deliver(ctx context.Context, url string, faults WebhookFaults, d delivery) {
	acknowledged := false
	if d.commit.Wait() == nil { // what is not on disk has not happened
		if faults.Forge {
			h.forge(ctx, url, d.Event)
		}
		err := h.send(ctx, url, d.Event, h.signer)
		acknowledged = err == nil
		if err != nil {
			h.log.Debug("a webhook was not acknowledged", "event_id", d.ID, "tries", d.tries+1, "error", err)
		}
	}
	twice := faults.Duplicate && !d.again
	if acknowledged && !twice {
		h.done(d.ID)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sending--
	switch {
	case !acknowledged:
		d.due = time.Now().Add(min(h.retry<<min(d.tries, 10), longestRetry))
		d.tries++
		h.push(d)
	case twice:
		d.again, d.due = true, time.Now()
		h.push(d)
	default:
		h.signal()
	}
}

// send delivers an event, signed by a signer; nil when it was answered with a 2xx.
func (h *webhooks) send(ctx context.Context, url string, e Event, signer *standardwebhooks.Webhook) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	now := time.Now()
	signature, err := signer.Sign(e.ID, now, body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, e.ID)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(now.Unix()))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	response, err := h.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// forge sends what somebody without the secret would like to be believed.
func (h *webhooks) forge(ctx context.Context, url string, e Event) {
	stranger, err := standardwebhooks.NewWebhookRaw([]byte("not the secret"))
	if err != nil {
		return
	}
	e.Type, e.Data.Amount = "payment.captured", e.Data.Amount*2
	if h.send(ctx, url, e, stranger) != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.refused++
	}
}

// queue is a heap of deliveries by the time at which they are due.
type queue []delivery

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(delivery)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
