package payment

import "testing"

func said(kind Kind, succeeded bool, amount int64) Notice {
	n := Notice{OrderID: "o1", PaymentID: "pay1", Reference: "pay_1", Kind: kind, Succeeded: succeeded, Amount: amount, Currency: "KRW"}
	if kind == KindAuthorize && !succeeded {
		n.Reference = ""
	}
	return n
}

func of(n Notice, refundID string) Notice {
	n.RefundID = refundID
	return n
}

// Every notice against every state that a payment can be in.
func TestJudge(t *testing.T) {
	var (
		agrees = Verdict{Standing: Agrees}
		open   = Verdict{Standing: Open}
		no     = func(reason string) Verdict { return Verdict{Contradicts, reason} }
	)
	capturing := func() *history { return authorized(t).must(t, captureRequested()) }
	voiding := func() *history { return authorized(t).must(t, cancelled()) }
	blocked := func() *history { return voiding().runs(t, KindVoid, refused("void_declined")) }
	refunding := func() *history { return captured(t).must(t, refundRequested("r1", 250)) }
	returning := func() *history { return captured(t).must(t, cancelled()) }
	authorised, declines := said(KindAuthorize, true, 2250), said(KindAuthorize, false, 2250)
	captures, captureFails := said(KindCapture, true, 2250), said(KindCapture, false, 2250)
	voids, voidFails := said(KindVoid, true, 2250), said(KindVoid, false, 2250)
	refunds, refundFails := of(said(KindRefund, true, 250), "r1"), of(said(KindRefund, false, 250), "r1")
	back, backFails := of(said(KindRefund, true, 2250), "pay1"), of(said(KindRefund, false, 2250), "pay1")
	with := func(n Notice, change func(*Notice)) Notice { change(&n); return n }

	for name, c := range map[string]struct {
		p    *history
		n    Notice
		want Verdict
	}{
		"unknown payment":                    {fresh(), authorised, no("unknown_payment")},
		"authorised, not answered yet":       {pending(t), authorised, open},
		"authorised, answered":               {authorized(t), authorised, agrees},
		"authorised, captured since":         {captured(t), authorised, agrees},
		"authorised, voided since":           {voided(t), authorised, agrees},
		"authorised, though declined":        {declined(t), authorised, no("payment_DECLINED")},
		"authorised, though never asked":     {tombstone(t), authorised, no("payment_VOIDED")},
		"authorised another sum, unanswered": {pending(t), said(KindAuthorize, true, 1), no("other_amount")},
		"authorised another sum":             {authorized(t), said(KindAuthorize, true, 1), no("other_amount")},
		"declined, not answered yet":         {pending(t), declines, open},
		"declined, answered":                 {declined(t), declines, agrees},
		"declined, though authorised":        {authorized(t), declines, no("payment_AUTHORIZED")},
		"captured, not answered yet":         {capturing(), captures, open},
		"captured, cancelled meanwhile":      {capturing().must(t, cancelled()), captures, open},
		"captured, answered":                 {captured(t), captures, agrees},
		"captured, paid back since":          {refunded(t), captures, agrees},
		"captured, though not asked for":     {authorized(t), captures, no("not_asked_for")},
		"captured, though voided":            {voided(t), captures, no("not_asked_for")},
		"captured another sum, unanswered":   {capturing(), said(KindCapture, true, 9999), no("other_amount")},
		"captured another sum":               {captured(t), said(KindCapture, true, 9999), no("other_amount")},
		"captured, though it failed":         {captureFailed(t), captures, no("payment_CAPTURE_FAILED")},
		"capture failed, not answered yet":   {capturing(), captureFails, open},
		"capture failed, answered":           {captureFailed(t), captureFails, agrees},
		"capture failed, voided since":       {captureFailed(t).must(t, cancelled()).runs(t, KindVoid, succeeded(2250)), captureFails, agrees},
		"capture failed, though captured":    {captured(t), captureFails, no("payment_CAPTURED")},
		"capture failed, never asked for":    {authorized(t), captureFails, no("not_asked_for")},
		"voided, not answered yet":           {voiding(), voids, open},
		"voided, answered":                   {voided(t), voids, agrees},
		"voided, though not asked for":       {authorized(t), voids, no("payment_AUTHORIZED")},
		"voided, though captured":            {captured(t), voids, no("payment_CAPTURED")},
		"voided another sum":                 {voided(t), said(KindVoid, true, 1), no("other_amount")},
		"void failed, not answered yet":      {voiding(), voidFails, open},
		"void failed, answered":              {blocked(), voidFails, agrees},
		"voided, though refused before":      {blocked(), voids, no("payment_AUTHORIZED")},
		"void failed, though voided":         {voided(t), voidFails, no("payment_VOIDED")},
		"refunded, not answered yet":         {refunding(), refunds, open},
		"refunded, answered":                 {refunding().runs(t, KindRefund, succeeded(250)), refunds, agrees},
		"refunded another sum":               {refunding(), of(said(KindRefund, true, 1), "r1"), no("other_amount")},
		"refunded, though refused":           {refunding().runs(t, KindRefund, refused("refund_declined")), refunds, no("refund_FAILED")},
		"refunded, though not asked for":     {captured(t), refunds, no("not_asked_for")},
		"refund failed, not answered yet":    {refunding(), refundFails, open},
		"refund failed, answered":            {refunding().runs(t, KindRefund, refused("refund_declined")), refundFails, agrees},
		"refund failed, though paid":         {refunding().runs(t, KindRefund, succeeded(250)), refundFails, no("refund_COMPLETED")},
		"paid back, not answered yet":        {returning(), back, open},
		"paid back, answered":                {returning().runs(t, KindRefund, succeeded(2250)), back, agrees},
		"paid back, though not cancelled":    {captured(t), back, no("not_asked_for")},
		"not paid back, answered":            {returning().runs(t, KindRefund, refused("refund_declined")), backFails, agrees},
		"of another payment":                 {authorized(t), with(authorised, func(n *Notice) { n.PaymentID = "pay2" }), no("other_payment")},
		"of another provider's payment":      {authorized(t), with(authorised, func(n *Notice) { n.Reference = "prov2" }), no("other_payment")},
		"in another currency":                {authorized(t), with(authorised, func(n *Notice) { n.Currency = "USD" }), no("other_currency")},
		"of another kind":                    {authorized(t), with(authorised, func(n *Notice) { n.Kind = "chargeback" }), no("unknown_kind")},
	} {
		before := *c.p.Payment
		if got := Judge(c.p.Payment, c.n); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if before.Facts != c.p.Facts || before.Wish != c.p.Wish || before.Work != c.p.Work {
			t.Errorf("%s: the payment was changed", name)
		}
	}
	if got := Judge(nil, authorised); got != no("unknown_payment") {
		t.Errorf("no payment at all: %v", got)
	}
}

func TestParseKey(t *testing.T) {
	p := captured(t).must(t, refundRequested("r1", 250)).Payment
	op, _ := p.Next()
	for key, want := range map[string][2]string{
		op.Key: {"pay1", "r1"}, "pay1:capture": {"pay1", ""}, "pay1:refund:a:b": {"pay1", "a:b"}, "key-of-somebody-else": {}, "": {},
	} {
		if id, refund := ParseKey(key); id != want[0] || refund != want[1] {
			t.Errorf("%q: %q, %q", key, id, refund)
		}
	}
}
