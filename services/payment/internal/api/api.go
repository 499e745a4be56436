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

// paymentPosition and entryPosition are what a page token holds: the filters that it goes with, and the last row of the
// page before.
type paymentPosition struct {
	OrderFilter string    `json:"order_filter"`
	Status      int32     `json:"status"`
	At          time.Time `json:"at"`
	OrderID     string    `json:"order_id"`
}

type entryPosition struct {
	OrderFilter string `json:"order_filter"`
	ID          string `json:"id"`
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
	after, err := page.Position[paymentPosition](req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.Filter{OrderID: req.GetOrderId(), Limit: size + 1}
	if req.GetStatus() != paymentv1.PaymentStatus_UNSPECIFIED {
		filter.Status = payment.Status(req.GetStatus().String())
	}
	position := paymentPosition{OrderFilter: req.GetOrderId(), Status: int32(req.GetStatus())}
	if after != nil {
		if after.OrderFilter != position.OrderFilter || after.Status != position.Status {
			return nil, page.OtherFilters()
		}
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
		position.At, position.OrderID = payments[size-1].CreatedAt, payments[size-1].OrderID
		if response.NextPageToken, err = page.Token(position); err != nil {
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
	before, err := page.Position[entryPosition](req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.LedgerFilter{OrderID: req.GetOrderId(), Limit: size + 1}
	if before != nil {
		if before.OrderFilter != filter.OrderID {
			return nil, page.OtherFilters()
		}
		filter.Before = before.ID
	}
	entries, total, err := store.ListLedger(ctx, s.db, filter)
	if err != nil {
		return nil, err
	}
	response := &paymentv1.ListLedgerEntriesResponse{TotalSize: page.Total(total)}
	if len(entries) > size {
		entries = entries[:size]
		response.NextPageToken, err = page.Token(entryPosition{OrderFilter: filter.OrderID, ID: entries[size-1].ID})
		if err != nil {
			return nil, err
		}
	}
	for _, e := range entries {
		response.LedgerEntries = append(response.LedgerEntries, entryMessage(e))
	}
	return response, nil
}
