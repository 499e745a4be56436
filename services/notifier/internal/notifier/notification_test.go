package notifier

import (
	"fmt"
	"testing"
	"time"

	"orderflow.example/schemas/notificationv1"
)

var at = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func ids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("id-%d", n) }
}

func twoChannels() *Notification {
	return New(Fact{ID: "fact", Type: "t", OrderID: "o", UserID: "u"}, []Address{{"email", "a@b.example"}, {"webhook", "https://h.example"}}, ids(), at)
}

func TestNobodyToTellMakesNoNotification(t *testing.T) {
	if n := New(Fact{ID: "fact"}, nil, ids(), at); n != nil {
		t.Fatalf("got %+v", n)
	}
}

func TestTheLastDeliveryEndsTheNotification(t *testing.T) {
	n := twoChannels()
	if events := n.End(Outcome{DeliveryID: n.Deliveries[0].ID, Attempts: 1}, at); len(events) != 0 {
		t.Fatalf("one of two deliveries ended, and there are events: %v", events)
	}
	events := n.End(Outcome{DeliveryID: n.Deliveries[1].ID, Attempts: 3}, at)
	sent, ok := events[0].(*notificationv1.NotificationSent)
	if !ok || len(events) != 1 {
		t.Fatalf("got %v", events)
	}
	want := []notificationv1.DeliveryResult{{Channel: "email", Status: "SENT", Attempts: 1}, {Channel: "webhook", Status: "SENT", Attempts: 3}}
	if len(sent.Deliveries) != 2 || sent.Deliveries[0] != want[0] || sent.Deliveries[1] != want[1] {
		t.Fatalf("got %v, want %v", sent.Deliveries, want)
	}
}

func TestOneFailedDeliveryFailsTheNotificationAndNotTheOther(t *testing.T) {
	n := twoChannels()
	n.End(Outcome{DeliveryID: n.Deliveries[1].ID, Attempts: 10, Failure: "the receiver answered 500"}, at)
	events := n.End(Outcome{DeliveryID: n.Deliveries[0].ID, Attempts: 1}, at)
	if _, ok := events[0].(*notificationv1.NotificationFailed); !ok {
		t.Fatalf("got %v", events)
	}
	if n.Deliveries[0].Status != Sent || n.Deliveries[1].Status != Failed || n.Deliveries[1].LastError == "" {
		t.Fatalf("got %+v", n.Deliveries)
	}
}

func TestADeliveryEndsOnce(t *testing.T) {
	n := twoChannels()
	id := n.Deliveries[0].ID
	n.End(Outcome{DeliveryID: id, Attempts: 1}, at)
	n.End(Outcome{DeliveryID: n.Deliveries[1].ID, Attempts: 1}, at)
	if events := n.End(Outcome{DeliveryID: id, Attempts: 2, Failure: "late"}, at); events != nil {
		t.Fatalf("a delivery that ended made %v", events)
	}
	if n.Deliveries[0].Status != Sent || n.Deliveries[0].Attempts != 1 {
		t.Fatalf("a delivery that ended changed: %+v", n.Deliveries[0])
	}
	if events := n.End(Outcome{DeliveryID: "another's"}, at); events != nil {
		t.Fatalf("a foreign delivery made %v", events)
	}
}
