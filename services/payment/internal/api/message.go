package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

func paymentMessage(p *payment.Payment) *paymentv1.Payment {
	m := &paymentv1.Payment{
		Id: p.ID, OrderId: p.OrderID, UserId: p.UserID, Status: statusValue(p.Status), DesiredStatus: statusValue(p.Desired),
		Amount: p.Amount, Currency: p.Currency,
		AuthorizedAmount: p.Authorized, CapturedAmount: p.Captured, VoidedAmount: p.Voided, RefundedAmount: p.Refunded,
		Provider: p.Provider, ProviderReference: p.ProviderReference, FailureCode: p.FailureCode, FailureReason: p.FailureReason,
		CreatedAt: timestamp(p.CreatedAt), UpdatedAt: timestamp(p.UpdatedAt),
		AuthorizedAt: timestamp(p.AuthorizedAt), CapturedAt: timestamp(p.CapturedAt),
	}
	if p.BlockedCode != "" { // what keeps it from where it is wanted now
		m.FailureCode, m.FailureReason = p.BlockedCode, p.BlockedReason
	}
	for _, r := range p.Refunds {
		m.Refunds = append(m.Refunds, &paymentv1.Refund{
			Id: r.ID, Amount: r.Amount, Status: paymentv1.RefundStatus_Value(paymentv1.RefundStatus_Value_value[string(r.Status)]),
			RequestedAt: timestamp(r.RequestedAt), SettledAt: timestamp(r.SettledAt),
		})
	}
	return m
}

func entryMessage(e store.Entry) *paymentv1.LedgerEntry {
	return &paymentv1.LedgerEntry{
		Id: e.ID, JournalId: e.JournalID, PaymentId: e.PaymentID, OrderId: e.OrderID,
		Operation: paymentv1.LedgerOperation_Value(paymentv1.LedgerOperation_Value_value[e.Operation]),
		Account:   e.Account, Amount: e.Amount, Currency: e.Currency, OccurredAt: timestamp(e.OccurredAt),
	}
}

func statusValue(s payment.Status) paymentv1.PaymentStatus_Value {
	return paymentv1.PaymentStatus_Value(paymentv1.PaymentStatus_Value_value[string(s)])
}

// timeOf is zero for an instant that was not given.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// timestamp is nil for an instant that was not reached.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
