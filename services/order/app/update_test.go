package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"orderflow.example/kit/outbox"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	events "orderflow.example/schemas/orderv1"
)

// updateOf asks for new notes.
func updateOf(id, notes string) *orderv1.UpdateOrderRequest {
	return &orderv1.UpdateOrderRequest{
		Order: &orderv1.Order{Id: id, Notes: notes, BillingAddress: "not in the mask"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"notes"}},
	}
}

// lastEvent is the last one in the order's log, and how many there are.
func (r *rig) lastEvent(id string) (any, int) {
	r.Helper()
	log, err := outbox.Log(r.Context(), r.DB, schemas.OrderEvents, id)
	if err != nil || len(log) == 0 {
		r.Fatalf("%d events, %v", len(log), err)
	}
	event, err := r.Codec.Decode(r.Context(), schemas.OrderEvents, log[len(log)-1].Payload)
	if err != nil {
		r.Fatal(err)
	}
	return event, len(log)
}

// move makes a move of the fulfilment, with a reason.
func (r *rig) move(id string, next orderv1.OrderStatus_Value, reason string) {
	r.Helper()
	_, err := r.UpdateOrderStatus(r.as("s1", "staff"), &orderv1.UpdateOrderStatusRequest{OrderId: id, Status: next, Reason: reason})
	if err != nil {
		r.Fatal(err)
	}
}

func TestUpdateOfNotesAndAddresses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		o := r.order("u1")
		updated, err := r.UpdateOrder(r.as("u1"), updateOf(o.GetId(), "ring once"))
		if err != nil || updated.GetNotes() != "ring once" || updated.GetBillingAddress() != "" || updated.GetEtag() == o.GetEtag() {
			t.Fatalf("%v, %v", updated, err)
		}
		if event, n := r.lastEvent(o.GetId()); n != 2 || *event.(*events.OrderUpdated).Notes != "ring once" {
			t.Errorf("%d events, the last %+v", n, event)
		}
		same, err := r.UpdateOrder(r.as("u1"), updateOf(o.GetId(), "ring once"))
		if _, n := r.lastEvent(o.GetId()); err != nil || n != 2 || !proto.Equal(same, updated) {
			t.Errorf("no change: %d events, %v, %v", n, same, err)
		}
		r.pay(o.GetId())
		r.move(o.GetId(), orderv1.OrderStatus_PROCESSING, "packing")
		full := &orderv1.UpdateOrderRequest{
			Order:      &orderv1.Order{Id: o.GetId(), Notes: "", ShippingAddress: "1 Main Street", BillingAddress: "2 Main Street"},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"notes", "shipping_address", "billing_address"}},
		}
		updated, err = r.UpdateOrder(r.as("s1", "staff"), full)
		if err != nil || !strings.HasSuffix(updated.GetNotes(), "Z PROCESSING: packing") || strings.Contains(updated.GetNotes(), "ring") ||
			updated.GetShippingAddress() != "1 Main Street" || updated.GetBillingAddress() != "2 Main Street" {
			t.Errorf("%v, %v", updated, err)
		}
		timeline, err := r.GetOrderTimeline(r.as("u1"), &orderv1.GetOrderTimelineRequest{OrderId: o.GetId()})
		if err != nil {
			t.Fatal(err)
		}
		all := timeline.GetEvents()
		if last := all[len(all)-1]; last.GetSummary() != "Notes or addresses changed" || last.GetType() != "orderflow.order.v1.OrderUpdated" {
			t.Errorf("the timeline says %v", last)
		}
		r.move(o.GetId(), orderv1.OrderStatus_SHIPPED, "")
		if _, err := r.UpdateOrder(r.as("u1"), full); status.Code(err) != codes.FailedPrecondition || !strings.Contains(told(err), "ORDER_NOT_UPDATABLE") || !strings.Contains(told(err), "status:SHIPPED") {
			t.Errorf("after shipping: %s", told(err))
		}
		r.check()
	})
}

// A customer can't make an order's timeline grow without end; nothing else that may happen to the order is held back by that.
func TestChangesOfAnOrderAreBounded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		id := r.order("u1").GetId()
		for i := 2; i <= 100; i++ {
			if _, err := r.UpdateOrder(r.as("u1"), updateOf(id, fmt.Sprint("note ", i))); err != nil {
				t.Fatalf("change %d: %s", i, told(err))
			}
		}
		got := r.exchange("PATCH", "/v1/orders/"+id, r.issuer.Token("u1"), `{"notes":"once more"}`)
		if got.code != http.StatusBadRequest || !got.says("FAILED_PRECONDITION", "TOO_MANY_CHANGES", "100") {
			t.Errorf("one more: %d %v", got.code, got.body)
		}
		if same, err := r.UpdateOrder(r.as("u1"), updateOf(id, "note 100")); err != nil || same.GetEtag() != `"100"` {
			t.Errorf("no change: %v, %v", same, err)
		}
		r.pay(id)
		if o := r.get(id); o.GetStatus() != orderv1.OrderStatus_PAID {
			t.Errorf("the saga goes on: %s", o.GetStatus())
		}
		r.check()
	})
}

func TestUpdateOverREST(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		path, token := "/v1/orders/"+r.order("u1").GetId(), r.issuer.Token("u1")
		got := r.exchange("PATCH", path, token, `{"shippingAddress":"1 Main Street"}`)
		if got.code != http.StatusOK || got.body["shippingAddress"] != "1 Main Street" || got.body["notes"] != "ring twice" || got.header.Get("ETag") != `"2"` {
			t.Fatalf("%+v", got)
		}
		got = r.exchange("PATCH", path+"?updateMask=notes", token, `{"notes":"","shippingAddress":"elsewhere"}`)
		if got.code != http.StatusOK || got.body["notes"] != "" || got.body["shippingAddress"] != "1 Main Street" {
			t.Errorf("with a mask: %+v", got)
		}
		for body, words := range map[string][]string{
			`{"status":"PAID"}`:         {"updateMask"},
			`{"total":"1","notes":"x"}`: {"updateMask"},
			`{}`:                        {"updateMask"},
			`{"price":"1"}`:             {"price", "UNKNOWN_FIELD"},
			`{"notes":7}`:               {"notes"},
			`{"notes":"` + strings.Repeat("ä", 1001) + `"}`:         {"order.notes", "1000"},
			`{"billingAddress":"` + strings.Repeat("b", 501) + `"}`: {"order.billingAddress", "STRING_MAX_LEN"},
		} {
			if got := r.exchange("PATCH", path, token, body); got.code != http.StatusBadRequest || !got.says(append(words, "INVALID_ARGUMENT")...) {
				t.Errorf("%.40s: %d %v", body, got.code, got.body)
			}
		}
		if got := r.exchange("PATCH", path, r.issuer.Token("u2"), `{"notes":"mine"}`); got.code != http.StatusNotFound || !got.says("ORDER_NOT_FOUND") {
			t.Errorf("another's order: %d %v", got.code, got.body)
		}
		if got := r.exchange("PATCH", path, r.issuer.Token("a1", "auditor"), `{"notes":"mine"}`); got.code != http.StatusNotFound {
			t.Errorf("an auditor: %d %v", got.code, got.body)
		}
		if got := r.exchange("PATCH", "/v1/orders/none", token, `{"notes":"x"}`); got.code != http.StatusNotFound {
			t.Errorf("no order: %d %v", got.code, got.body)
		}
		r.check()
	})
}

func TestARepeatedUpdateHasOneEffect(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		id := r.order("u1").GetId()
		first, err := r.UpdateOrder(keyed(r.as("u1"), "k"), updateOf(id, "first"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.UpdateOrder(r.as("u1"), updateOf(id, "second")); err != nil {
			t.Fatal(err)
		}
		var header metadata.MD
		again, err := r.UpdateOrder(keyed(r.as("u1"), "k"), updateOf(id, "first"), grpc.Header(&header))
		if err != nil || !proto.Equal(first, again) || len(header.Get("idempotent-replayed")) != 1 || header.Get("etag")[0] != first.GetEtag() {
			t.Errorf("%v, %v, %v", again, err, header)
		}
		if o := r.get(id); o.GetNotes() != "second" {
			t.Errorf("notes %q", o.GetNotes())
		}
		if _, err := r.UpdateOrder(keyed(r.as("u1"), "k"), updateOf(id, "third")); status.Code(err) != codes.AlreadyExists {
			t.Errorf("the key for another update: %v", err)
		}
	})
}

func TestChangesOfAnOrderAsItWasSeen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		amount := int64(1)
		changes := map[string]func(ctx context.Context, id string, opts ...grpc.CallOption) (*orderv1.Order, error){
			"update": func(ctx context.Context, id string, opts ...grpc.CallOption) (*orderv1.Order, error) {
				return r.UpdateOrder(ctx, updateOf(id, "new"), opts...)
			},
			"cancel": func(ctx context.Context, id string, opts ...grpc.CallOption) (*orderv1.Order, error) {
				return r.CancelOrder(ctx, &orderv1.CancelOrderRequest{OrderId: id}, opts...)
			},
			"move": func(ctx context.Context, id string, opts ...grpc.CallOption) (*orderv1.Order, error) {
				return r.UpdateOrderStatus(ctx, &orderv1.UpdateOrderStatusRequest{OrderId: id, Status: orderv1.OrderStatus_PROCESSING}, opts...)
			},
			"refund": func(ctx context.Context, id string, opts ...grpc.CallOption) (*orderv1.Order, error) {
				return r.RefundOrder(ctx, &orderv1.RefundOrderRequest{OrderId: id, Amount: &amount}, opts...)
			},
		}
		ifMatch := func(tag string) context.Context {
			return metadata.AppendToOutgoingContext(r.as("s1", "staff"), "if-match", tag)
		}
		for name, change := range changes {
			id := r.order("u1").GetId()
			r.pay(id)
			if name == "refund" {
				r.move(id, orderv1.OrderStatus_PROCESSING, "")
				r.move(id, orderv1.OrderStatus_SHIPPED, "")
			}
			seen := r.get(id).GetEtag()
			for _, stale := range []string{`"1"`, "W/" + seen, `"x", "y"`} {
				if _, err := change(ifMatch(stale), id); status.Code(err) != codes.Aborted || !strings.Contains(told(err), "ETAG_MISMATCH") || !strings.Contains(told(err), "etag:"+seen) {
					t.Errorf("%s of %s: %s", name, stale, told(err))
				}
			}
			if _, err := change(ifMatch(strings.Trim(seen, `"`)), id); status.Code(err) != codes.InvalidArgument || !strings.Contains(told(err), "If-Match") {
				t.Errorf("%s of a tag without quotes: %s", name, told(err))
			}
			if now := r.get(id).GetEtag(); now != seen {
				t.Errorf("%s: a refused change left %s, was %s", name, now, seen)
			}
			var header metadata.MD
			o, err := change(ifMatch(`"1", `+seen), id, grpc.Header(&header))
			if err != nil || o.GetEtag() == seen || len(header.Get("etag")) != 1 || header.Get("etag")[0] != o.GetEtag() {
				t.Errorf("%s: %v, %v, %v", name, o, header, err)
			}
		}
		id := r.order("u1").GetId()
		if _, err := r.UpdateOrder(ifMatch("*"), updateOf(id, "any")); err != nil {
			t.Errorf("any version: %v", err)
		}
		if _, err := r.UpdateOrder(ifMatch("*"), updateOf("none", "any")); status.Code(err) != codes.NotFound {
			t.Errorf("any version of nothing: %v", err)
		}
		r.check()
	})
}

// Every answer that is one order has its entity tag, over REST in a header.
func TestETagsOverREST(t *testing.T) {
	r := start(t)
	customer, staff := r.issuer.Token("u1"), r.issuer.Token("s1", "staff")
	created := r.exchange("POST", "/v1/orders", customer, `{"userId":"u1","items":[{"productId":"p1","quantity":1}]}`, "Idempotency-Key", "k")
	id, _ := created.body["id"].(string)
	path := "/v1/orders/" + id
	r.pay(id)
	tag := r.get(id).GetEtag()
	for name, got := range map[string]answer{
		"get":           r.exchange("GET", path, customer, ""),
		"get by number": r.exchange("GET", "/v1/orders/number/"+created.body["orderNumber"].(string), customer, ""),
	} {
		if got.code != http.StatusOK || got.header.Get("ETag") != tag {
			t.Errorf("%s: %d, %q is not %q", name, got.code, got.header.Get("ETag"), tag)
		}
	}
	again := r.exchange("POST", "/v1/orders", customer, `{"userId":"u1","items":[{"productId":"p1","quantity":1}]}`, "Idempotency-Key", "k")
	if created.code != http.StatusCreated || created.header.Get("ETag") != `"1"` || again.header.Get("ETag") != `"1"` {
		t.Errorf("created with %q, again %q", created.header.Get("ETag"), again.header.Get("ETag"))
	}
	if got := r.exchange("POST", path+":updateStatus", staff, `{"status":"PROCESSING"}`, "If-Match", `"1"`); got.code != http.StatusConflict || !got.says("ABORTED", "ETAG_MISMATCH") {
		t.Errorf("a move of an old version: %d %v", got.code, got.body)
	}
	if got := r.exchange("POST", path+":updateStatus", staff, `{"status":"PROCESSING"}`, "If-Match", tag); got.code != http.StatusOK || got.header.Get("ETag") == tag {
		t.Errorf("a move: %d %v %v", got.code, got.header, got.body)
	}
	if got := r.exchange("POST", path+":cancel", customer, `{}`, "If-Match", "*"); got.code != http.StatusOK || got.header.Get("ETag") == "" {
		t.Errorf("a cancel: %d %v", got.code, got.body)
	}
}

// Of many updates of one version one wins; the others learn that it is gone.
func TestOneOfManyUpdatesOfAVersionWins(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		o := r.order("u1")
		got := together(16, func() error {
			_, err := r.UpdateOrder(metadata.AppendToOutgoingContext(r.as("u1"), "if-match", o.GetEtag()), updateOf(o.GetId(), "new"))
			return err
		})
		if got[codes.OK] != 1 || got[codes.Aborted] != 15 {
			t.Errorf("%v", got)
		}
		r.check()
	})
}
