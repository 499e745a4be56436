package order

import (
	"errors"
	"strings"
	"testing"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

// Every pair of statuses: "x" where the move is allowed.
func TestStatusMoves(t *testing.T) {
	want := map[Status]string{
		//           PEN CON PAI PRO SHI DEL CAN REF
		Pending:    ". x . . . . x .",
		Confirmed:  ". . x . . . x .",
		Paid:       ". . . x . . x .",
		Processing: ". . . . x . x .",
		Shipped:    ". . . . . x . x",
		Delivered:  ". . . . . . . x",
		Cancelled:  ". . . . . . . .",
		Refunded:   ". . . . . . . .",
	}
	for from, row := range want {
		for i, cell := range strings.Fields(row) {
			if got := from.CanBecome(statuses[i]); got != (cell == "x") {
				t.Errorf("%s to %s: %v", from, statuses[i], got)
			}
		}
		if from.Final() != (from == Cancelled || from == Refunded) {
			t.Errorf("%s final: %v", from, from.Final())
		}
	}
}

func TestPaymentStatusMoves(t *testing.T) {
	want := map[PaymentStatus]string{
		//                 PEN PRO COM FAI CAN REF
		PaymentPending:    ". x . x x .",
		PaymentProcessing: ". . x x x .",
		PaymentCompleted:  ". . . . . x",
		PaymentFailed:     ". . . . . .",
		PaymentCancelled:  ". . . . . .",
		PaymentRefunded:   ". . . . . .",
	}
	for from, row := range want {
		for i, cell := range strings.Fields(row) {
			if got := from.CanBecome(paymentStatuses[i]); got != (cell == "x") {
				t.Errorf("%s to %s: %v", from, paymentStatuses[i], got)
			}
		}
	}
}

// asStaff tries every move that a person can ask for.
func asStaff(h *history, next Status) ([]Event, error) {
	switch next {
	case Cancelled:
		return Cancel(h.Order, orderv1.CancellationCauseStaffRequest, "", noon)
	case Refunded:
		return RequestRefund(h.Order, "r9", nil, "", noon)
	}
	return UpdateStatus(h.Order, next, Shipment{}, "", noon)
}

func TestBadMovesNameBothStates(t *testing.T) {
	for name, build := range states {
		for _, next := range statuses {
			h := build(t)
			events, err := asStaff(h, next)
			if err == nil {
				if !h.Status.CanBecome(next) {
					t.Errorf("%s: a move from %s to %s was let through: %s", name, h.Status, next, describe(events, h.Order))
				}
				continue
			}
			var e *errs.Error
			if !errors.As(err, &e) || e.Code != errs.FailedPrecondition {
				t.Errorf("%s to %s: %v is not FAILED_PRECONDITION", name, next, err)
				continue
			}
			if h.Status.CanBecome(next) && next != Confirmed && next != Paid && e.Reason != "NOTHING_TO_REFUND" {
				t.Errorf("%s to %s: refused: %v", name, next, err)
			}
			if e.Reason == "NOTHING_TO_REFUND" {
				continue
			}
			if !strings.Contains(e.Message, string(h.Status)) || !strings.Contains(e.Message, string(next)) {
				t.Errorf("%s to %s: %q does not name both", name, next, e.Message)
			}
			if e.Metadata["status"] != string(h.Status) || e.Metadata["requested_status"] != string(next) {
				t.Errorf("%s to %s: metadata %v", name, next, e.Metadata)
			}
		}
	}
}
