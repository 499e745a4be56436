package stripe_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v82/webhook"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/stripe"
)

const (
	oldSecret = "whsec_old_old_old_old_old"
	newSecret = "whsec_new_new_new_new_new"
)

func event(kind, object string) string {
	return fmt.Sprintf(`{"id":"evt_1","object":"event","api_version":"2020-08-27","type":%q,"created":1767225600,"data":{"object":%s}}`, kind, object)
}

func signed(body, secret string, at time.Time) http.Header {
	return http.Header{"Stripe-Signature": {fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(webhook.ComputeSignature(at, []byte(body), secret)))}}
}

func TestWebhooksAreVerified(t *testing.T) {
	source, err := stripe.NewWebhooks(newSecret, oldSecret)
	if err != nil {
		t.Fatal(err)
	}
	good, now := event("payment_intent.succeeded", intent("succeeded", `,"amount_received":2250`)), time.Now()
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   error
	}{
		"good":             {signed(good, newSecret, now), good, nil},
		"the old secret":   {signed(good, oldSecret, now), good, nil},
		"a stranger's":     {signed(good, "whsec_other", now), good, provider.ErrForged},
		"altered":          {signed(good, newSecret, now), strings.Replace(good, "2250", "9999", 1), provider.ErrForged},
		"old":              {signed(good, newSecret, now.Add(-5*time.Minute-2*time.Second)), good, provider.ErrStale},
		"of the future":    {signed(good, newSecret, now.Add(5*time.Minute+30*time.Second)), good, provider.ErrStale},
		"a clock ahead":    {signed(good, newSecret, now.Add(4*time.Minute)), good, nil},
		"not signed":       {http.Header{}, good, provider.ErrUnreadable},
		"a bad header":     {http.Header{"Stripe-Signature": {"nonsense"}}, good, provider.ErrUnreadable},
		"no JSON":          {signed("{", newSecret, now), "{", provider.ErrUnreadable},
		"another object":   {signed(event("payment_intent.succeeded", `[1]`), newSecret, now), event("payment_intent.succeeded", `[1]`), provider.ErrUnreadable},
		"without an event": {signed("{}", newSecret, now), "{}", provider.ErrUnreadable},
	} {
		got, err := source.Read(c.header, []byte(c.body))
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want == nil && (got.ID != "evt_1" || got.Notice == nil) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhatWebhooksSay(t *testing.T) {
	source, err := stripe.NewWebhooks(newSecret)
	if err != nil {
		t.Fatal(err)
	}
	say := func(kind payment.Kind, succeeded bool, amount int64) *payment.Notice {
		n := &payment.Notice{OrderID: "o1", PaymentID: "p1", Reference: "pi_1", Kind: kind, Succeeded: succeeded, Amount: amount, Currency: "KRW"}
		if kind == payment.KindRefund {
			n.RefundID = "r1"
		}
		return n
	}
	foreign := strings.Replace(intent("succeeded", ""), "order_id", "basket", 1)
	alike := strings.Replace(intent("succeeded", ""), "payment_id", "transaction", 1)
	alikeRefund := strings.Replace(refundBody("succeeded"), "payment_id", "transaction", 1)
	for name, c := range map[string]struct {
		body string
		want *payment.Notice
	}{
		"authorised":      {event("payment_intent.amount_capturable_updated", intent("requires_capture", "")), say(payment.KindAuthorize, true, 2250)},
		"declined":        {event("payment_intent.payment_failed", intent("requires_payment_method", "")), say(payment.KindAuthorize, false, 2250)},
		"captured":        {event("payment_intent.succeeded", intent("succeeded", `,"amount_received":2000`)), say(payment.KindCapture, true, 2000)},
		"voided":          {event("payment_intent.canceled", intent("canceled", "")), say(payment.KindVoid, true, 2250)},
		"refunded":        {event("refund.updated", refundBody("succeeded")), say(payment.KindRefund, true, 250)},
		"refund failed":   {event("refund.failed", refundBody("failed")), say(payment.KindRefund, false, 250)},
		"refund pending":  {event("refund.created", refundBody("pending")), nil},
		"somebody else's": {event("payment_intent.succeeded", foreign), nil},
		"also an order":   {event("payment_intent.succeeded", alike), nil},
		"also a refund":   {event("refund.updated", alikeRefund), nil},
		"of no interest":  {event("customer.created", `{"email":"a@b.c"}`), nil},
	} {
		got, err := source.Read(signed(c.body, newSecret, time.Now()), []byte(c.body))
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case (got.Notice == nil) != (c.want == nil), c.want != nil && *got.Notice != *c.want:
			t.Errorf("%s: %+v", name, got.Notice)
		}
	}
}

func TestBadWebhookSecret(t *testing.T) {
	for _, secret := range []string{"", "secret", "whsec_short"} {
		if _, err := stripe.NewWebhooks(secret); err == nil {
			t.Errorf("%q is accepted", secret)
		}
	}
}
