package order

// Figures sum orders of one currency up. Amounts are in its minor units.
type Figures struct {
	Pending   int64 // orders that are not paid yet: PENDING, CONFIRMED
	Active    int64 // paid and not delivered yet: PAID, PROCESSING, SHIPPED
	Completed int64 // DELIVERED
	Cancelled int64
	Refunded  int64
	PaidTotal int64 // totals of the orders that were paid and are not cancelled
	Revenue   int64 // of PaidTotal what was not paid back
}

// FiguresOf are the figures of one order; all zero for one that was not placed yet.
func FiguresOf(o *Order) Figures {
	switch o.Status {
	case Pending, Confirmed:
		return Figures{Pending: 1}
	case Cancelled:
		return Figures{Cancelled: 1}
	}
	f := Figures{PaidTotal: o.Total, Revenue: o.Total - o.RefundedTotal}
	switch o.Status {
	case Paid, Processing, Shipped:
		f.Active = 1
	case Delivered:
		f.Completed = 1
	case Refunded:
		f.Refunded = 1
	default:
		return Figures{}
	}
	return f
}

// Plus adds the figures of other orders.
func (f Figures) Plus(g Figures) Figures {
	return Figures{
		f.Pending + g.Pending, f.Active + g.Active, f.Completed + g.Completed, f.Cancelled + g.Cancelled, f.Refunded + g.Refunded,
		f.PaidTotal + g.PaidTotal, f.Revenue + g.Revenue,
	}
}

// Minus takes figures away, which those of a change do when an order leaves its status.
func (f Figures) Minus(g Figures) Figures {
	return f.Plus(Figures{-g.Pending, -g.Active, -g.Completed, -g.Cancelled, -g.Refunded, -g.PaidTotal, -g.Revenue})
}

// Orders is how many there are.
func (f Figures) Orders() int64 { return f.Pending + f.Active + f.Completed + f.Cancelled + f.Refunded }

// AverageOrderValue is the mean total of the orders that were paid and are not cancelled, rounded half up; 0 without any.
func (f Figures) AverageOrderValue() int64 {
	n := f.Active + f.Completed + f.Refunded
	if n == 0 {
		return 0
	}
	average := f.PaidTotal / n
	if rest := f.PaidTotal % n; rest >= n-rest {
		average++
	}
	return average
}
