// Package inventory holds the rules of products, their stock and what orders hold of it. It is pure: state and a fact
// go in, events come out; nothing here knows of SQL, Kafka or protobuf.
package inventory

import "orderflow.example/schemas/inventoryv1"

// Event is a fact of this service, one of the structs of orderflow.example/schemas/inventoryv1.
type Event interface{ RecordName() string }

// OrderOf is the order whose reservation the event is about; it is empty for an event of a product.
func OrderOf(event Event) string {
	switch e := event.(type) {
	case *inventoryv1.StockReserved:
		return e.OrderID
	case *inventoryv1.StockRejected:
		return e.OrderID
	case *inventoryv1.StockCommitted:
		return e.OrderID
	case *inventoryv1.StockCommitFailed:
		return e.OrderID
	case *inventoryv1.StockReleased:
		return e.OrderID
	case *inventoryv1.ReservationExpired:
		return e.OrderID
	case *inventoryv1.StockReturned:
		return e.OrderID
	}
	return ""
}

// ProductOf is the product that the event is about; it is empty for an event of a reservation.
func ProductOf(event Event) string {
	switch e := event.(type) {
	case *inventoryv1.ProductChanged:
		return e.ProductID
	case *inventoryv1.StockAdjusted:
		return e.ProductID
	case *inventoryv1.LowStock:
		return e.ProductID
	}
	return ""
}
