// Package channel sends messages: one file per channel. A channel is told what to send and answers with nil or a
// *Failure; it knows neither database nor events.
package channel

import (
	"context"
	"time"

	"orderflow.example/notifier/internal/notifier"
)

// Letter is one delivery, ready to go.
type Letter struct {
	DeliveryID string // the same at every try: a channel that knows idempotency passes it on
	Recipient  string
	Message    notifier.Message
	Fact       notifier.Fact
}

// Channel is a way to reach people.
type Channel interface {
	Name() string
	// Addresses are the recipients of a fact on this channel; none when the channel can't reach anybody.
	Addresses(fact notifier.Fact) []notifier.Address
	// Send makes one try. It ends about when ctx does, so that no other worker has taken the delivery over meanwhile.
	Send(ctx context.Context, letter Letter) error
	// Close frees what is kept open between tries. No Send is under way.
	Close() error
}

// Failure is why a message was not taken. Its text is for people who may see the delivery: it says nothing personal and
// nothing of our network. The cause is for the log.
type Failure struct {
	Text       string
	Refused    bool          // no retry will mend it
	RetryAfter time.Duration // how long the receiver asked to be left alone; 0: it did not say
	Cause      error
}

func (f *Failure) Error() string {
	if f.Cause == nil {
		return f.Text
	}
	return f.Text + ": " + f.Cause.Error()
}

func (f *Failure) Unwrap() error { return f.Cause }

func failed(cause error, text string) error { return &Failure{Text: text, Cause: cause} }

func refused(text string) error { return &Failure{Text: text, Refused: true} }
