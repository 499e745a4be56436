package access

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A route that asks for something else than a token is opened by no token, and by nothing that looks like what it asks for.
func (w *world) testPublicRoutes(t *testing.T) {
	rest := w.transports[1].(overREST)
	now := time.Now()
	body := []byte(`{"type":"payment.refunded","timestamp":"` + now.UTC().Format(time.RFC3339) + `","data":{"orderId":"` + w.ada.order + `","paymentId":"` + w.ada.payment + `"}}`)
	foreign, err := standardwebhooks.NewWebhookRaw([]byte("nobody has agreed on this secret"))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := foreign.Sign("evt_1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	stamp := []string{"Webhook-Id", "evt_1", "Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10)}
	signed := func(with string) []string { return append(append([]string{}, stamp...), "Webhook-Signature", with) }
	everyRole := bearer(w.token(ada, roles...))
	for who, attempt := range map[string]struct {
		headers []string
		want    int
	}{
		"nobody":                            {nil, http.StatusBadRequest},
		"a token with every role":           {everyRole, http.StatusBadRequest},
		"unsigned":                          {stamp, http.StatusBadRequest},
		"unsigned, with every role":         {append(append([]string{}, stamp...), everyRole...), http.StatusBadRequest},
		"another's signature":               {signed(signature), http.StatusUnauthorized},
		"another's signature, every role":   {append(signed(signature), everyRole...), http.StatusUnauthorized},
		"an empty signature":                {signed("v1,"), http.StatusUnauthorized},
		"a made-up signature":               {signed("v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))), http.StatusUnauthorized},
		"another version of the signatures": {signed("v0," + strings.TrimPrefix(signature, "v1,")), http.StatusUnauthorized},
	} {
		call := restRequest{verb: http.MethodPost, path: "/v1/providers/simulator/webhooks", contentType: "application/json", body: body}
		got, err := rest.do(t.Context(), rest.base["payment"], call, attempt.headers...)
		if err != nil || got.code != attempt.want {
			t.Errorf("%s: %v %d %s", who, err, got.code, got.text)
		}
		call.path = "/v1/providers/nobody/webhooks"
		got, err = rest.do(t.Context(), rest.base["payment"], call, attempt.headers...)
		if err != nil || got.code != http.StatusNotFound {
			t.Errorf("%s, unknown provider: %v %d %s", who, err, got.code, got.text)
		}
	}
	w.eventually("the provider's own webhooks are taken", func() bool {
		untold, _ := w.platform.Provider.UntoldWebhooks()
		return untold == 0
	})
}
