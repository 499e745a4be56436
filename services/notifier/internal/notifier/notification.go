package notifier

import (
	"slices"
	"time"

	"orderflow.example/schemas/notificationv1"
)

// Event is one of the notifier's own events.
type Event interface{ RecordName() string }

// Status of a delivery.
type Status string

// A delivery is PENDING until it was sent or failed for good.
const (
	Pending Status = "PENDING"
	Sent    Status = "SENT"
	Failed  Status = "FAILED"
)

// Address is a recipient on a channel.
type Address struct{ Channel, Recipient string }

// Delivery is one message to one recipient on one channel. It has retries of its own, so that a channel that is down
// delays no other and a retry never sends again where it succeeded.
type Delivery struct {
	ID        string // UUIDv7; also the provider's idempotency key where the channel knows one
	Channel   string
	Recipient string // personal data
	Status    Status
	Attempts  int
	LastError string
	SentAt    *time.Time
}

// Notification tells of one fact, by one delivery per channel and recipient.
type Notification struct {
	ID         string // UUIDv7
	Fact       Fact
	Deliveries []Delivery
	Sequence   int64 // of its events: 0 until every delivery ended, then 1
	CreatedAt  time.Time
}

// New makes the notification of a fact; nil when there is nobody to tell. An address that is named twice is told once.
// newID makes UUIDv7s.
func New(fact Fact, to []Address, newID func() string, now time.Time) *Notification {
	if len(to) == 0 {
		return nil
	}
	n := &Notification{ID: newID(), Fact: fact, CreatedAt: now}
	for i, address := range to {
		if !slices.Contains(to[:i], address) {
			n.Deliveries = append(n.Deliveries, Delivery{ID: newID(), Channel: address.Channel, Recipient: address.Recipient, Status: Pending})
		}
	}
	return n
}

// Delivery is the delivery of that id; nil when it is not the notification's.
func (n *Notification) Delivery(id string) *Delivery {
	for i := range n.Deliveries {
		if n.Deliveries[i].ID == id {
			return &n.Deliveries[i]
		}
	}
	return nil
}

// Outcome is the end of a delivery: sent when Failure is empty.
type Outcome struct {
	DeliveryID string
	Attempts   int
	Failure    string // says nothing personal: it is listed
}

// End notes the end of a delivery. When it was the last one, the notification's own event follows. The end of a
// delivery that has ended already, or is not the notification's, changes nothing.
func (n *Notification) End(outcome Outcome, now time.Time) []Event {
	d := n.Delivery(outcome.DeliveryID)
	if d == nil || d.Status != Pending {
		return nil
	}
	d.Attempts, d.LastError = outcome.Attempts, outcome.Failure
	if outcome.Failure == "" {
		d.Status, d.SentAt = Sent, &now
	} else {
		d.Status = Failed
	}
	if ended := n.Ended(now); ended != nil {
		return []Event{ended}
	}
	return nil
}

// Ended is the event that tells how the deliveries ended; nil while one is pending.
func (n *Notification) Ended(at time.Time) Event {
	results := make([]notificationv1.DeliveryResult, len(n.Deliveries))
	failed := false
	for i, d := range n.Deliveries {
		if d.Status == Pending {
			return nil
		}
		failed = failed || d.Status == Failed
		results[i] = notificationv1.DeliveryResult{Channel: d.Channel, Status: string(d.Status), Attempts: int32(d.Attempts)}
	}
	if failed {
		return &notificationv1.NotificationFailed{
			NotificationID: n.ID, OrderID: n.Fact.OrderID, UserID: n.Fact.UserID, FactType: n.Fact.Type, FactID: n.Fact.ID,
			Deliveries: results, OccurredAt: at,
		}
	}
	return &notificationv1.NotificationSent{
		NotificationID: n.ID, OrderID: n.Fact.OrderID, UserID: n.Fact.UserID, FactType: n.Fact.Type, FactID: n.Fact.ID,
		Deliveries: results, OccurredAt: at,
	}
}
