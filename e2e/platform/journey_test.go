package platform

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/dev/mailsink"
	"orderflow.example/dev/platform"
	"orderflow.example/dev/webhooksink"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// One order, from the POST to the mail.
func TestOrderFromPlacedToNotified(t *testing.T) {
	r := start(t, platform.Config{Variables: map[string]string{"WEBHOOK_SECRET": secret}})
	r.sell("p1", 1200, 10)
	id := r.place("u123", "", `[{"productId":"p1","quantity":2}]`)

	r.eventually("the order is PAID", func() bool {
		a := r.rest("order", "GET", "/v1/orders/"+id, r.token("u123"), "")
		return a.code == http.StatusOK && a.body["status"] == "PAID" && a.body["paymentStatus"] == "COMPLETED" && a.body["total"] == "2400"
	})
	t.Run("timeline", func(t *testing.T) { r.checkTimeline(t, id) })
	t.Run("mails", func(t *testing.T) { r.checkMails(t, id) })
	t.Run("webhooks", func(t *testing.T) { r.checkWebhooks(t, id) })
	t.Run("notifications", func(t *testing.T) { r.checkNotifications(t, id) })
	t.Run("stock", func(t *testing.T) {
		p := r.rest("inventory", "GET", "/v1/products/p1", r.token("u123"), "")
		if p.body["onHand"] != "8" || p.body["reserved"] != "0" {
			t.Errorf("the product is %v", p.body)
		}
	})
	t.Run("money", func(t *testing.T) {
		if at := r.Provider.Payments(); len(at) != 1 || at[0].Reference != id || at[0].AmountCaptured != 2400 || at[0].AmountRefunded != 0 {
			t.Errorf("the provider has %+v", at)
		}
	})
}

// path is what happens to an order that is paid, and what causes each event; an empty cause is the customer's call.
var path = []struct{ event, service, cause string }{
	{"OrderPlaced", "order", ""},
	{"StockReserved", "inventory", "OrderPlaced"},
	{"PaymentRequested", "order", "StockReserved"},
	{"PaymentAuthorized", "payment", "PaymentRequested"},
	{"OrderConfirmed", "order", "PaymentAuthorized"},
	{"StockCommitted", "inventory", "OrderConfirmed"},
	{"PaymentCaptureRequested", "order", "StockCommitted"},
	{"PaymentCaptured", "payment", "PaymentCaptureRequested"},
	{"OrderPaid", "order", "PaymentCaptured"},
}

func (r *rig) checkTimeline(t *testing.T, id string) {
	timeline, err := r.orders.GetOrderTimeline(r.as("u123"), &orderv1.GetOrderTimelineRequest{OrderId: id})
	if err != nil {
		t.Fatal(err)
	}
	events := timeline.GetEvents()
	if len(events) != len(path) {
		t.Fatalf("%d events, want %d: %v", len(events), len(path), events)
	}
	ids := map[string]string{} // of each type
	for i, want := range path {
		e := events[i]
		name := e.GetType()[strings.LastIndexByte(e.GetType(), '.')+1:]
		if name != want.event || e.GetService() != want.service || e.GetCausationId() != ids[want.cause] {
			t.Errorf("event %d is %s of %s, caused by %q; want %s of %s, caused by %s (%q)",
				i, name, e.GetService(), e.GetCausationId(), want.event, want.service, want.cause, ids[want.cause])
		}
		ids[name] = e.GetEventId()
		at := e.GetOccurredAt().AsTime()
		if time.Since(at) > time.Minute || i > 0 && at.Before(events[i-1].GetOccurredAt().AsTime()) {
			t.Errorf("%s is said to have been at %s", name, at)
		}
		if e.GetSummary() == "" {
			t.Errorf("%s has no summary", name)
		}
	}
	if a := r.rest("order", "GET", "/v1/orders/"+id+"/timeline", r.token("u123"), ""); a.code != http.StatusOK || len(a.body["events"].([]any)) != len(path) {
		t.Errorf("over REST: %d %v", a.code, a.body)
	}
}

// told are the facts that people are told of when an order is paid.
var told = []string{"orderflow.order.v1.OrderConfirmed", "orderflow.order.v1.OrderPaid"}

func (r *rig) checkMails(t *testing.T, id string) {
	number := r.order(id).GetOrderNumber()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, subject := range []string{"confirmed", "payment"} {
		mail, err := r.Mails.Wait(ctx, func(m mailsink.Mail) bool {
			return strings.Contains(m.Subject, subject) && strings.Contains(m.Subject, number)
		})
		if err != nil {
			t.Fatalf("no mail about %s %s: %v; there are %+v", subject, number, err, r.Mails.All())
		}
		if !slices.Equal(mail.To, []string{"u123@customers.example"}) || !strings.Contains(mail.Text, "Customer u123") {
			t.Errorf("the mail is %+v", mail)
		}
	}
}

const secret = "whsec_ZW5kIHRvIGVuZCB0ZXN0cyBvZiBPcmRlcmZsb3c="

func (r *rig) checkWebhooks(t *testing.T, id string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range told {
		hook, err := r.Webhooks.Wait(ctx, func(h webhooksink.Webhook) bool {
			return strings.Contains(h.Body, id) && strings.Contains(h.Body, fact)
		})
		if err != nil {
			t.Fatalf("no webhook of %s: %v; there are %+v", fact, err, r.Webhooks.All())
		}
		if err := verifier.Verify([]byte(hook.Body), hook.Headers); err != nil {
			t.Errorf("the signature of %s: %v", fact, err)
		}
		if !json.Valid([]byte(hook.Body)) || strings.Contains(hook.Body, "customers.example") {
			t.Errorf("the body is %s", hook.Body)
		}
	}
}

func (r *rig) checkNotifications(t *testing.T, id string) {
	r.eventually("both facts were told on both channels", func() bool {
		a := r.rest("notifier", "GET", "/v1/notifications?orderId="+id, r.token("u123"), "")
		notifications, _ := a.body["notifications"].([]any)
		sent := 0
		for _, n := range notifications {
			for _, d := range n.(map[string]any)["deliveries"].([]any) {
				if d.(map[string]any)["status"] == "SENT" {
					sent++
				}
			}
		}
		return len(notifications) == len(told) && sent == 2*len(told)
	})
	if a := r.rest("notifier", "GET", "/v1/notifications?orderId="+id, r.token("somebody"), ""); len(a.body["notifications"].([]any)) != 0 {
		t.Errorf("somebody else sees %v", a.body)
	}
}

// How orders end that are not paid.
func TestEndings(t *testing.T) {
	r := start(t, platform.Config{})
	r.sell("p1", 500, 10)
	r.sell("rare", 500, 1)
	t.Run("declined", func(t *testing.T) {
		o := r.becomes(r.place("u1", "tok_declined", `[{"productId":"p1","quantity":1}]`), orderv1.OrderStatus_CANCELLED)
		if o.GetCancelCause() != orderv1.CancelCause_PAYMENT_DECLINED || o.GetPaymentStatus() != orderv1.PaymentStatus_FAILED {
			t.Errorf("%v", o)
		}
	})
	t.Run("sold out", func(t *testing.T) {
		o := r.becomes(r.place("u1", "tok_ok", `[{"productId":"p1","quantity":1},{"productId":"rare","quantity":2}]`), orderv1.OrderStatus_CANCELLED)
		if o.GetCancelCause() != orderv1.CancelCause_STOCK_REJECTED || !strings.Contains(o.GetCancelReason(), "rare") {
			t.Errorf("%v", o)
		}
	})
	t.Run("cancelled by the customer once it was paid", func(t *testing.T) {
		id := r.place("u1", "tok_ok", `[{"productId":"p1","quantity":3}]`)
		r.becomes(id, orderv1.OrderStatus_PAID)
		if a := r.rest("order", "POST", "/v1/orders/"+id+":cancel", r.token("u2"), `{}`); a.code != http.StatusNotFound {
			t.Errorf("somebody else may cancel: %d %v", a.code, a.body)
		}
		if a := r.rest("order", "POST", "/v1/orders/"+id+":cancel", r.token("u1"), `{"reason":"changed my mind"}`); a.code != http.StatusOK || a.body["status"] != "CANCELLED" {
			t.Fatalf("%d %v", a.code, a.body)
		}
		r.eventually("the money is back", func() bool { return r.order(id).GetPaymentStatus() == orderv1.PaymentStatus_REFUNDED })
	})
	t.Run("refunded after delivery", func(t *testing.T) {
		id := r.place("u1", "tok_ok", `[{"productId":"p1","quantity":1}]`)
		r.becomes(id, orderv1.OrderStatus_PAID)
		for _, next := range []string{"PROCESSING", "SHIPPED", "DELIVERED"} {
			if a := r.rest("order", "POST", "/v1/orders/"+id+":updateStatus", r.token("s1", "staff"), `{"status":"`+next+`"}`); a.code != http.StatusOK {
				t.Fatalf("%s: %d %v", next, a.code, a.body)
			}
		}
		if a := r.rest("order", "POST", "/v1/orders/"+id+":refund", r.token("s1", "staff"), `{"reason":"broken"}`); a.code != http.StatusOK {
			t.Fatalf("%d %v", a.code, a.body)
		}
		r.becomes(id, orderv1.OrderStatus_REFUNDED)
	})
	r.eventually("the stock is back", func() bool {
		p := r.rest("inventory", "GET", "/v1/products/p1", r.token("u1"), "")
		return p.body["onHand"] == "9" && p.body["available"] == "9" // the delivered order keeps its piece
	})
	r.mustHold()
}
