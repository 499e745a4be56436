package api

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/notifier/internal/notifier"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
)

func notificationMessage(n *notifier.Notification) (*notifierv1.Notification, error) {
	text, err := notifier.Render(n.Fact)
	if err != nil {
		return nil, err
	}
	m := &notifierv1.Notification{
		Id: n.ID, OrderId: n.Fact.OrderID, UserId: n.Fact.UserID, FactType: n.Fact.Type, FactId: n.Fact.ID,
		Subject: text.Subject, CreatedAt: timestamppb.New(n.CreatedAt),
	}
	for _, d := range n.Deliveries {
		m.Deliveries = append(m.Deliveries, deliveryMessage(d))
	}
	return m, nil
}

func deliveryMessage(d notifier.Delivery) *notifierv1.Delivery {
	m := &notifierv1.Delivery{
		Channel: d.Channel, Recipient: mask(d.Recipient), Attempts: int32(d.Attempts), LastError: d.LastError,
		Status: notifierv1.DeliveryStatus_Value(notifierv1.DeliveryStatus_Value_value[string(d.Status)]),
	}
	if d.SentAt != nil {
		m.SentAt = timestamppb.New(*d.SentAt)
	}
	return m
}

// mask hides most of a recipient: "kim@example.com" is "k***@example.com". Of a URL, whose path and user may be
// secrets, it keeps scheme and host.
func mask(recipient string) string {
	if u, err := url.Parse(recipient); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host + "/***"
	}
	if at := strings.LastIndexByte(recipient, '@'); at >= 0 {
		_, width := utf8.DecodeRuneInString(recipient[:at])
		return recipient[:width] + "***" + recipient[at:]
	}
	return "***"
}
