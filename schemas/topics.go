package schemas

import "time"

// The topics that carry the platform's events, one per aggregate, so that the events of one key keep their order.
const (
	OrderEvents        = "order.events"
	InventoryEvents    = "inventory.events"
	PaymentEvents      = "payment.events"
	NotificationEvents = "notification.events"
	ProductEvents      = "product.events"
)

// Topic says how one topic is made. Partition counts never change once a topic exists: keys would move.
type Topic struct {
	Name       string
	Service    string // the only service that writes to it
	Compacted  bool   // keeps the last event of each key instead of a time range
	Retention  time.Duration
	Partitions int // in production: at least the largest replica count, surge included
}

const week = 168 * time.Hour

// Topics lists every event topic, with the production defaults.
var Topics = []Topic{
	{Name: OrderEvents, Service: "order", Retention: week, Partitions: 24},
	{Name: InventoryEvents, Service: "inventory", Retention: week, Partitions: 24},
	{Name: PaymentEvents, Service: "payment", Retention: week, Partitions: 24},
	{Name: NotificationEvents, Service: "notifier", Retention: week, Partitions: 24},
	{Name: ProductEvents, Service: "inventory", Compacted: true, Partitions: 24},
}

// DeadLetter is the dead-letter topic of a consumer group. It has one partition: people read it.
func DeadLetter(group string) Topic {
	return Topic{Name: group + ".dlq", Service: group, Retention: 4 * week, Partitions: 1}
}

// TopicsOf lists the topics that a service writes to, the dead-letter topic of its consumer group included.
func TopicsOf(service string) []Topic {
	var own []Topic
	for _, t := range Topics {
		if t.Service == service {
			own = append(own, t)
		}
	}
	return append(own, DeadLetter(service))
}
