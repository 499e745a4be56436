package app

import (
	"context"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/store"
)

// PaymentFact is a payment as a check across services sees it. Amounts are minor units of the currency.
type PaymentFact struct {
	OrderID    string
	Status     string // PENDING, AUTHORIZED, DECLINED, CAPTURED, CAPTURE_FAILED, VOIDED or REFUNDED
	Desired    string // AUTHORIZED, CAPTURED or VOIDED
	Currency   string
	Amount     int64 // of the order
	Authorized int64
	Captured   int64
	Voided     int64
	Refunded   int64
	Settled    bool // no operation is under way or due, and nothing waits for a person
}

// PaymentFacts reads all payments, newest first.
func PaymentFacts(ctx context.Context, q sqldb.Querier) ([]PaymentFact, error) {
	payments, err := store.All(ctx, q)
	if err != nil {
		return nil, err
	}
	facts := make([]PaymentFact, len(payments))
	for i, p := range payments {
		facts[i] = PaymentFact{
			OrderID: p.OrderID, Status: string(p.Status), Desired: string(p.Desired), Currency: p.Currency, Amount: p.Amount,
			Authorized: p.Authorized, Captured: p.Captured, Voided: p.Voided, Refunded: p.Refunded, Settled: p.Settled(),
		}
	}
	return facts, nil
}
