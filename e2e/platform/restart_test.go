package platform

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"

	"orderflow.example/dev/mailsink"
	"orderflow.example/dev/platform"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// A platform that is stopped in the middle of its work and started again finds everything as it was, and goes on.
func TestStopAndStartAgain(t *testing.T) {
	cfg := platform.Config{DataDir: t.TempDir(), Ports: freePorts(t)}
	const busy = 40
	var token, paid string
	var under []string // orders that are under way at the stop
	var before, product answer
	t.Run("first run", func(t *testing.T) {
		r := start(t, cfg)
		r.sell("p1", 700, 100)
		token = r.token("u1")
		paid = r.place("u1", "", `[{"productId":"p1","quantity":2}]`)
		r.becomes(paid, orderv1.OrderStatus_PAID)
		before = r.rest("order", "GET", "/v1/orders/"+paid, token, "")
		product = r.rest("inventory", "GET", "/v1/products/p1", token, "")
		for i := range busy {
			under = append(under, r.place(fmt.Sprintf("u%d", 2+i), "tok_ok", `[{"productId":"p1","quantity":1}]`))
		}
	})
	t.Run("second run", func(t *testing.T) {
		r := start(t, cfg)
		if after := r.rest("order", "GET", "/v1/orders/"+paid, token, ""); after.code != http.StatusOK || !reflect.DeepEqual(after, before) {
			t.Errorf("the order was %v and is %v", before, after)
		}
		if now := r.rest("inventory", "GET", "/v1/products/p1", token, ""); now.body["name"] != product.body["name"] || now.body["price"] != product.body["price"] {
			t.Errorf("the product was %v and is %v", product, now)
		}
		for _, id := range under {
			r.becomes(id, orderv1.OrderStatus_PAID)
		}
		r.becomes(r.place("u1", "", `[{"productId":"p1","quantity":1}]`), orderv1.OrderStatus_PAID)
		r.mustHold()
		r.toldOnce(2 * (busy + 2))
		if p := r.rest("inventory", "GET", "/v1/products/p1", token, ""); p.body["onHand"] != fmt.Sprint(100-2-busy-1) {
			t.Errorf("the product is %v", p.body)
		}
	})
}

// toldOnce: so many mails have come, in all runs, and none twice.
func (r *rig) toldOnce(mails int) {
	r.Helper()
	r.eventually("all mails have come", func() bool { return r.Mails.Count() >= mails })
	times := map[[2]string]int{}
	for _, m := range r.Mails.All() {
		times[[2]string{m.Subject, recipient(m)}]++
	}
	if len(times) != mails || r.Mails.Count() != mails {
		r.Errorf("%d mails, %d different ones, want %d", r.Mails.Count(), len(times), mails)
	}
}

func recipient(m mailsink.Mail) string {
	if len(m.To) != 1 {
		return ""
	}
	return m.To[0]
}
