// Package reconcile holds our payments and the ledger against the provider's books. It changes nothing on either side, and
// may run beside the service: what differs is read again on both sides before it counts.
package reconcile

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/store"
)

// Books are a provider's.
type Books interface {
	Name() string
	// List calls fn with the payments made at the instant or later, page by page.
	List(ctx context.Context, since time.Time, fn func([]provider.Standing) error) error
	// Find reads one; nil when there is none.
	Find(ctx context.Context, reference string) (*provider.Standing, error)
}

// Summary says how much was compared, and what came of it.
type Summary struct {
	Compared    int `json:"compared"`    // payments that both sides have
	Differences int `json:"differences"` // things that differ; a payment may have several
	InFlight    int `json:"inFlight"`    // payments on which an operation is under way, changed lately: no difference yet
	Elsewhere   int `json:"elsewhere"`   // payments of ours that another provider holds
	Foreign     int `json:"foreign"`     // payments at the provider that this service did not make
}

type run struct {
	db    *sqldb.DB
	books Books
	seen  *references
	tell  func(Difference) error
	Summary
}

// Run compares everything made at the instant or later (its zero time: all), and calls tell with each difference. Memory is
// bounded by a page: which of the provider's payments were met is kept in a temporary file.
func Run(ctx context.Context, db *sqldb.DB, books Books, since time.Time, tell func(Difference) error) (summary Summary, err error) {
	seen, err := newReferences(ctx)
	if err != nil {
		return summary, err
	}
	defer func() {
		if closed := seen.close(); err == nil {
			err = closed
		}
	}()
	r := &run{db: db, books: books, seen: seen, tell: tell}
	if err := books.List(ctx, since, func(page []provider.Standing) error { return r.theirs(ctx, page) }); err != nil {
		return r.Summary, fmt.Errorf("list the provider's payments: %w", err)
	}
	err = store.Pages(ctx, db, store.Filter{CreatedAfter: since}, func(page []*payment.Payment) error { return r.ours(ctx, page) })
	return r.Summary, err
}

// theirs compares a page of the provider's payments.
func (r *run) theirs(ctx context.Context, page []provider.Standing) error {
	references, orders := make([]string, len(page)), make([]string, len(page))
	for i, s := range page {
		references[i], orders[i] = s.Reference, s.OrderID
	}
	if err := r.seen.add(ctx, references); err != nil {
		return err
	}
	payments, err := store.GetByOrders(ctx, r.db, orders...)
	if err != nil {
		return err
	}
	booked, err := store.BookedOf(ctx, r.db, orders...)
	if err != nil {
		return err
	}
	for _, s := range page {
		p := payments[s.OrderID]
		switch {
		case s.OrderID == "":
			r.Foreign++
		case p != nil && p.ProviderReference == s.Reference && len(compare(p, booked[s.OrderID], s)) == 0:
			r.Compared++
		default:
			if err := r.again(ctx, s.OrderID, s.Reference); err != nil {
				return err
			}
		}
	}
	return nil
}

// ours looks for a page of our payments among those that the provider named.
func (r *run) ours(ctx context.Context, page []*payment.Payment) error {
	var references []string
	for _, p := range page {
		if p.Provider == r.books.Name() {
			references = append(references, p.ProviderReference)
		}
	}
	met, err := r.seen.among(ctx, references)
	if err != nil {
		return err
	}
	for _, p := range page {
		switch {
		case p.Provider == "", met[p.ProviderReference]:
		case p.Provider != r.books.Name():
			r.Elsewhere++
		default:
			if err := r.again(ctx, p.OrderID, p.ProviderReference); err != nil {
				return err
			}
		}
	}
	return nil
}

// settledReads is how often two readings of a payment around one of the provider's must not agree before it counts as in flight.
const settledReads = 3

// again reads a payment on both sides once more: ours before and after the provider's, so that a change in between shows.
func (r *run) again(ctx context.Context, orderID, reference string) error {
	for range settledReads {
		before, err := store.GetByOrder(ctx, r.db, orderID)
		if err != nil {
			return err
		}
		s, err := r.books.Find(ctx, reference)
		if err != nil {
			return fmt.Errorf("find %s at the provider: %w", reference, err)
		}
		p, err := store.GetByOrder(ctx, r.db, orderID)
		if err != nil {
			return err
		}
		now, err := r.db.Now(ctx)
		if err != nil {
			return err
		}
		if underWay(p, now) {
			break
		}
		if before == nil && p == nil || before != nil && p != nil && before.Version == p.Version {
			return r.judge(ctx, p, s, reference)
		}
	}
	r.InFlight++
	return nil
}

// freshFor is how long after its last change a payment's operation counts as under way: several tries, each of at most a
// minute, with their backoff. What is not at rest by then is compared all the same: it may never come to rest, and money that
// is held meanwhile must not stay out of sight.
const freshFor = 15 * time.Minute

// underWay tells whether an operation may be changing the payment at the provider just now.
func underWay(p *payment.Payment, now time.Time) bool {
	if p == nil || now.Sub(p.UpdatedAt) > freshFor {
		return false
	}
	_, more := p.Next()
	return more
}

// judge compares what both sides say at rest. p or s may be nil.
func (r *run) judge(ctx context.Context, p *payment.Payment, s *provider.Standing, reference string) error {
	var found []Difference
	switch {
	case s == nil && (p == nil || p.ProviderReference != reference): // gone on both sides
		return nil
	case s == nil:
		found = []Difference{missingThere(p)}
	case p != nil && p.InDoubt && p.ProviderReference == "":
		found = []Difference{inDoubt(p, *s)}
	case p == nil, p.ProviderReference != s.Reference:
		found = []Difference{missingHere(p, *s)}
	default:
		booked, err := store.BookedOf(ctx, r.db, p.OrderID)
		if err != nil {
			return err
		}
		r.Compared++
		found = compare(p, booked[p.OrderID], *s)
	}
	for _, d := range found {
		r.Differences++
		if err := r.tell(d); err != nil {
			return err
		}
	}
	return nil
}
