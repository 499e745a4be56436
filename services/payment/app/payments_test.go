package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/payment/app"
	"orderflow.example/payment/internal/provider/providertest"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
	"orderflow.example/schemas/orderv1"
)

func TestFromRequestToRefund(t *testing.T) {
	r := start(t)
	r.request("o1")
	p := r.find("o1")
	if p.GetStatus() != paymentv1.PaymentStatus_AUTHORIZED || p.GetDesiredStatus() != paymentv1.PaymentStatus_AUTHORIZED || p.GetAmount() != 2250 ||
		p.GetAuthorizedAmount() != 2250 || p.GetCurrency() != "KRW" || p.GetUserId() != "u1" || p.GetProvider() != "simulator" ||
		p.GetProviderReference() == "" || p.GetAuthorizedAt() == nil || p.GetCapturedAt() != nil || p.GetCreatedAt() == nil {
		t.Errorf("authorised: %v", p)
	}
	r.capture("o1")
	r.refund("o1", "r1", 250)
	r.refund("o1", "r2", 9999)
	got, err := r.GetPayment(r.as("a1", "auditor"), &paymentv1.GetPaymentRequest{PaymentId: p.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetStatus() != paymentv1.PaymentStatus_CAPTURED || got.GetCapturedAmount() != 2250 || got.GetRefundedAmount() != 250 || got.GetCapturedAt() == nil {
		t.Errorf("captured: %v", got)
	}
	if refunds := got.GetRefunds(); len(refunds) != 2 || refunds[0].GetId() != "r1" || refunds[0].GetStatus() != paymentv1.RefundStatus_COMPLETED ||
		refunds[0].GetSettledAt() == nil || refunds[1].GetStatus() != paymentv1.RefundStatus_FAILED || refunds[1].GetAmount() != 9999 {
		t.Errorf("refunds: %v", refunds)
	}
	entries, err := r.ListLedgerEntries(r.as("s1", "service"), &paymentv1.ListLedgerEntriesRequest{OrderId: "o1"})
	if err != nil || entries.GetTotalSize() != 6 {
		t.Fatalf("%v, %v", entries, err)
	}
	sums := map[string]int64{}
	for _, e := range entries.GetLedgerEntries() {
		sums[e.GetAccount()] += e.GetAmount()
		sums[e.GetJournalId()] += e.GetAmount()
		if e.GetPaymentId() != p.GetId() || e.GetOrderId() != "o1" || e.GetOperation() == paymentv1.LedgerOperation_UNSPECIFIED || e.GetOccurredAt() == nil {
			t.Errorf("%v", e)
		}
	}
	if sums["holds"] != 0 || sums["merchant"] != 2000 || sums["customer"] != -2000 {
		t.Errorf("%v", sums)
	}
	r.check()
}

// Cancelled, declined and blocked payments, as the API and the facts for other services' checks show them.
func TestOtherEnds(t *testing.T) {
	r := start(t)
	r.provider.Behave = func(c providertest.Call) providertest.Mode {
		switch {
		case c.Reference == "declined", c.Kind == "void" && strings.HasSuffix(c.Key, ":void") && len(r.provider.Calls) > 5:
			return providertest.Decline
		}
		return providertest.OK
	}
	r.request("declined")
	r.request("voided")
	r.cancel("voided")
	r.cancel("tombstone")
	r.request("tombstone")
	r.request("refunded")
	r.capture("refunded")
	r.cancel("refunded")
	r.check()
	if p := r.find("declined"); p.GetStatus() != paymentv1.PaymentStatus_DECLINED || p.GetFailureCode() != "authorize_declined" || p.GetFailureReason() == "" {
		t.Errorf("%v", p)
	}
	r.request("blocked")
	r.cancel("blocked")
	if p := r.find("blocked"); p.GetStatus() != paymentv1.PaymentStatus_AUTHORIZED || p.GetDesiredStatus() != paymentv1.PaymentStatus_VOIDED || p.GetFailureCode() != "void_declined" {
		t.Errorf("%v", p)
	}
	facts, err := app.PaymentFacts(t.Context(), r.DB)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]app.PaymentFact{
		"declined":  {Status: "DECLINED", Desired: "AUTHORIZED", Settled: true},
		"voided":    {Status: "VOIDED", Desired: "VOIDED", Authorized: 2250, Voided: 2250, Settled: true},
		"tombstone": {Status: "VOIDED", Desired: "VOIDED", Settled: true},
		"refunded":  {Status: "REFUNDED", Desired: "VOIDED", Authorized: 2250, Captured: 2250, Refunded: 2250, Settled: true},
		"blocked":   {Status: "AUTHORIZED", Desired: "VOIDED", Authorized: 2250},
	}
	if len(facts) != len(want) {
		t.Errorf("%d facts", len(facts))
	}
	for _, fact := range facts {
		expected := want[fact.OrderID]
		expected.OrderID, expected.Currency, expected.Amount = fact.OrderID, "KRW", 2250
		if fact != expected {
			t.Errorf("%+v, want %+v", fact, expected)
		}
	}
}

func TestLists(t *testing.T) {
	r := start(t)
	for i := range 5 {
		r.request(fmt.Sprint("o", i))
	}
	r.capture("o3")
	staff := r.as("s1", "staff")
	var orders []string
	request := &paymentv1.ListPaymentsRequest{PageSize: 2}
	for {
		page, err := r.ListPayments(staff, request)
		if err != nil || page.GetTotalSize() != 5 {
			t.Fatalf("%v, %v", page, err)
		}
		for _, p := range page.GetPayments() {
			orders = append(orders, p.GetOrderId())
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	if !slices.Equal(orders, []string{"o4", "o3", "o2", "o1", "o0"}) {
		t.Errorf("%v", orders)
	}
	captured, err := r.ListPayments(staff, &paymentv1.ListPaymentsRequest{Status: paymentv1.PaymentStatus_CAPTURED})
	if err != nil || len(captured.GetPayments()) != 1 || captured.GetPayments()[0].GetOrderId() != "o3" {
		t.Errorf("%v, %v", captured, err)
	}
	seen := map[string]bool{}
	entries := &paymentv1.ListLedgerEntriesRequest{PageSize: 5}
	for {
		page, err := r.ListLedgerEntries(staff, entries)
		if err != nil || page.GetTotalSize() != 12 {
			t.Fatalf("%v, %v", page, err)
		}
		for _, e := range page.GetLedgerEntries() {
			seen[e.GetId()] = true
		}
		if entries.PageToken = page.GetNextPageToken(); entries.PageToken == "" {
			break
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d entries", len(seen))
	}
}

// Each filter alone and all of them together, over gRPC and over REST; nothing of other customers is in the way.
func TestFilters(t *testing.T) {
	each(t, func(r *rig) {
		for i := range 4 {
			r.request(fmt.Sprint("o", i))
		}
		r.exec("UPDATE payments SET user_id = 'u2' WHERE order_id IN ('o1', 'o3')")
		r.exec("UPDATE payments SET created_at = created_at - 86400000000 WHERE order_id IN ('o0', 'o1')")
		r.exec("UPDATE ledger SET occurred_at = occurred_at - 86400000000 WHERE order_id IN ('o0', 'o1')")
		staff, day := r.as("s1", "staff"), timestamppb.New(time.Now().Add(-12*time.Hour))
		for want, request := range map[string]*paymentv1.ListPaymentsRequest{
			"o2":       {OrderId: "o2"},
			"o3 o1":    {UserId: "u2"},
			"o3 o2":    {CreatedAfter: day},
			"o1 o0":    {CreatedBefore: day},
			"o1":       {UserId: "u2", CreatedBefore: day, Status: paymentv1.PaymentStatus_AUTHORIZED},
			"":         {UserId: "u3"},
			"o3 o1 ":   {UserId: "u2", PageSize: 1},
			"o3 o1  ":  {UserId: "u2", CreatedAfter: timestamppb.New(time.Unix(0, 0))},
			"o3 o2   ": {CreatedAfter: day, CreatedBefore: timestamppb.New(time.Now().Add(time.Hour)), PageSize: 1},
		} {
			var got []string
			for {
				page, err := r.ListPayments(staff, request)
				if err != nil || int(page.GetTotalSize()) != len(strings.Fields(want)) {
					t.Fatalf("%v: %v, %v", request, page, err)
				}
				for _, p := range page.GetPayments() {
					got = append(got, p.GetOrderId())
				}
				if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
					break
				}
			}
			if strings.Join(got, " ") != strings.TrimSpace(want) {
				t.Errorf("%v: %v", request, got)
			}
		}
		for want, request := range map[int32]*paymentv1.ListLedgerEntriesRequest{
			4: {OccurredAfter: day}, 2: {OccurredBefore: day, OrderId: "o1"}, 0: {OccurredBefore: timestamppb.New(time.Unix(0, 0))},
		} {
			if page, err := r.ListLedgerEntries(staff, request); err != nil || page.GetTotalSize() != want || len(page.GetLedgerEntries()) != int(want) {
				t.Errorf("%v: %v, %v", request, page, err)
			}
		}
		token := r.issuer.Token("s1", "staff")
		if code, got := r.rest("/v1/payments?userId=u2&createdAfter="+day.AsTime().Format(time.RFC3339), token); code != 200 || got["totalSize"] != float64(1) {
			t.Errorf("%d: %v", code, got)
		}
		if code, _ := r.rest("/v1/payments?createdAfter=yesterday", token); code != 400 {
			t.Errorf("a bad time: %d", code)
		}
		for _, path := range []string{"/v1/payments?userId=u2", "/v1/ledgerEntries?orderId=o1"} {
			if code, _ := r.rest(path, r.issuer.Token("u2")); code != 403 {
				t.Errorf("a customer, %s: %d", path, code)
			}
		}
	})
}

// An event that does not concern money is passed over; one that makes no sense is parked, and its key waits behind it.
func TestForeignAndBadEvents(t *testing.T) {
	r := start(t)
	now := time.Now().UTC()
	r.say("o1", &orderv1.OrderPlaced{OrderID: "o1", UserID: "u1", Total: 2250, Currency: "KRW", OccurredAt: now})
	r.request("o1")
	r.say("o2", &orderv1.PaymentCaptureRequested{OrderID: "o2", Amount: 1, Currency: "KRW", OccurredAt: now})
	r.request("o2")
	if p := r.find("o1"); p.GetStatus() != paymentv1.PaymentStatus_AUTHORIZED {
		t.Errorf("%v", p)
	}
	waiting, err := r.ListPayments(r.as("s1", "staff"), &paymentv1.ListPaymentsRequest{OrderId: "o2"})
	if err != nil || waiting.GetTotalSize() != 0 {
		t.Errorf("%v, %v", waiting, err)
	}
	var parked int
	if err := r.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM parked").Scan(&parked); err != nil || parked != 2 {
		t.Errorf("%d parked, %v", parked, err)
	}
}
