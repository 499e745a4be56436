// Package api has the gRPC methods of the payment service. They only read: payments and refunds are asked for at the
// order service. The messages' own rules are checked before a method is called.
package api

import (
	"context"
	"time"

	"orderflow.example/kit/page"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

// Server implements PaymentService.
type Server struct {
	paymentv1.UnimplementedPaymentServiceServer
	db *sqldb.DB
}

// New makes the server.
func New(db *sqldb.DB) *Server { return &Server{db: db} }

// paymentPosition and entryPosition are what a page token holds: the last row of the page before. paymentFilters and
// entryFilters are what it goes with.
type paymentPosition struct {
	At      time.Time `json:"at"`
	OrderID string    `json:"order_id"`
}

type paymentFilters struct {
	OrderID, UserID             string
	Status                      paymentv1.PaymentStatus_Value
	CreatedAfter, CreatedBefore time.Time
}

type entryPosition struct {
	ID string `json:"id"`
}

type entryFilters struct {
	OrderID                       string
	OccurredAfter, OccurredBefore time.Time
}

// GetPayment reads a payment.
func (s *Server) GetPayment(ctx context.Context, req *paymentv1.GetPaymentRequest) (*paymentv1.Payment, error) {
	p, err := store.Get(ctx, s.db, req.GetPaymentId())
	if err != nil {
		return nil, err
	}
	return paymentMessage(p), nil
}

// ListPayments lists payments, newest first.
func (s *Server) ListPayments(ctx context.Context, req *paymentv1.ListPaymentsRequest) (*paymentv1.ListPaymentsResponse, error) {
	filters := paymentFilters{
		OrderID: req.GetOrderId(), UserID: req.GetUserId(), Status: req.GetStatus(),
		CreatedAfter: timeOf(req.GetCreatedAfter()), CreatedBefore: timeOf(req.GetCreatedBefore()),
	}
	after, err := page.Position[paymentPosition](req.GetPageToken(), filters)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.Filter{
		OrderID: filters.OrderID, UserID: filters.UserID, CreatedAfter: filters.CreatedAfter, CreatedBefore: filters.CreatedBefore, Limit: size + 1,
	}
	if req.GetStatus() != paymentv1.PaymentStatus_UNSPECIFIED {
		filter.Status = payment.Status(req.GetStatus().String())
	}
	if after != nil {
		filter.After = &store.Position{At: after.At, OrderID: after.OrderID}
	}
	payments, err := store.List(ctx, s.db, filter)
	if err != nil {
		return nil, err
	}
	total, err := store.Count(ctx, s.db, filter)
	if err != nil {
		return nil, err
	}
	response := &paymentv1.ListPaymentsResponse{TotalSize: page.Total(total)}
	if len(payments) > size {
		payments = payments[:size]
		last := payments[size-1]
		if response.NextPageToken, err = page.Token(filters, paymentPosition{At: last.CreatedAt, OrderID: last.OrderID}); err != nil {
			return nil, err
		}
	}
	for _, p := range payments {
		response.Payments = append(response.Payments, paymentMessage(p))
	}
	return response, nil
}

// ListLedgerEntries lists ledger entries, newest first.
func (s *Server) ListLedgerEntries(ctx context.Context, req *paymentv1.ListLedgerEntriesRequest) (*paymentv1.ListLedgerEntriesResponse, error) {
	filters := entryFilters{
		OrderID: req.GetOrderId(), OccurredAfter: timeOf(req.GetOccurredAfter()), OccurredBefore: timeOf(req.GetOccurredBefore()),
	}
	before, err := page.Position[entryPosition](req.GetPageToken(), filters)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.LedgerFilter{
		OrderID: filters.OrderID, OccurredAfter: filters.OccurredAfter, OccurredBefore: filters.OccurredBefore, Limit: size + 1,
	}
	if before != nil {
		filter.Before = before.ID
	}
	entries, total, err := store.ListLedger(ctx, s.db, filter)
	if err != nil {
		return nil, err
	}
	response := &paymentv1.ListLedgerEntriesResponse{TotalSize: page.Total(total)}
	if len(entries) > size {
		entries = entries[:size]
		if response.NextPageToken, err = page.Token(filters, entryPosition{ID: entries[size-1].ID}); err != nil {
			return nil, err
		}
	}
	for _, e := range entries {
		response.LedgerEntries = append(response.LedgerEntries, entryMessage(e))
	}
	return response, nil
}
