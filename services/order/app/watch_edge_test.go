package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/errs"
	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

func TestWatchIsTheOwners(t *testing.T) {
	r := start(t)
	ctx, cancel := r.owner()
	defer cancel()
	mine, other := r.order("u1").GetId(), r.order("u1").GetId()
	token := r.take(r.watch(ctx, other, ""), 1)[0].GetResumeToken()
	own := r.take(r.watch(ctx, mine, ""), 1)[0].GetResumeToken()
	for _, tt := range []struct {
		name, subject, role, id, token string
		code                           codes.Code
		status                         int
		says                           string
	}{
		{"another customer", "u2", "", mine, "", codes.NotFound, 404, "ORDER_NOT_FOUND"},
		{"another customer with the owner's token", "u2", "", mine, own, codes.NotFound, 404, "ORDER_NOT_FOUND"},
		{"no such order", "u1", "", "nothing", "", codes.NotFound, 404, "ORDER_NOT_FOUND"},
		{"no token of ours", "u1", "", mine, "abc", codes.InvalidArgument, 400, "resumeToken"},
		{"characters no token has", "u1", "", mine, "a b", codes.InvalidArgument, 400, "resumeToken"},
		{"another order's token", "u1", "", mine, token, codes.InvalidArgument, 400, "resumeToken"},
		{"malformed id", "u1", "", "a%20b", "", codes.InvalidArgument, 400, "orderId"},
		{"auditor", "a1", "auditor", mine, "", codes.OK, 200, ""},
		{"staff", "s1", "staff", mine, "", codes.OK, 200, ""},
	} {
		stream, err := r.WatchOrder(r.as(tt.subject, tt.role), &orderv1.WatchOrderRequest{OrderId: strings.ReplaceAll(tt.id, "%20", " "), ResumeToken: tt.token})
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != tt.code {
			r.Errorf("%s over gRPC: %v", tt.name, err)
		}
		response := r.askEvents(ctx, tt.id+":watch", r.issuer.Token(tt.subject, tt.role), "Last-Event-ID", tt.token)
		if response.status != tt.status {
			r.Errorf("%s over REST: %d", tt.name, response.status)
		}
		if tt.status != 200 {
			if text, err := io.ReadAll(response.body); err != nil || !strings.Contains(string(text), tt.says) {
				r.Errorf("%s over REST: %s %v", tt.name, text, err)
			}
		}
	}
	for path, want := range map[string]int{"?resumeToken=" + own: 200, "?resumeToken=" + token: 400, "?token=x": 400} {
		response := r.askEvents(ctx, mine+":watch"+path, r.issuer.Token("u1"))
		if response.status != want {
			r.Errorf("%s: %d", path, response.status)
		}
	}
}

// A watch ends with its caller's token.
func TestWatchEndsWithTheToken(t *testing.T) {
	r := start(t)
	id := r.order("u1").GetId()
	claims := r.issuer.Claims("u1")
	claims["exp"] = time.Now().Add(2 * time.Second).Unix()
	token := r.issuer.Sign(claims)
	ctx, cancel := r.owner()
	defer cancel()
	response := r.askEvents(ctx, id+":watch", token)
	text, err := io.ReadAll(response.body)
	if err != nil || response.status != http.StatusOK || !strings.Contains(string(text), "event: OrderPlaced") || !strings.Contains(string(text), "event: error\ndata: {") ||
		!strings.Contains(string(text), "TOKEN_EXPIRED") {
		t.Errorf("%d %s %v", response.status, text, err)
	}
}

// The stop of a service ends its watches: over gRPC UNAVAILABLE, over REST the answer is over, whole.
func TestWatchEndsAtTheStop(t *testing.T) {
	r := start(t)
	id := r.order("u1").GetId()
	ctx, cancel := r.owner()
	defer cancel()
	calls, events := r.watch(ctx, id, ""), r.watchEvents(ctx, id, "")
	r.take(calls, 1)
	r.take(events, 1)
	r.shut()
	if _, err := calls(); status.Code(err) != codes.Unavailable || errs.From(err).Reason != "STOPPING" {
		t.Errorf("gRPC: %v", err)
	}
	if _, err := events(); err != io.EOF { //nolint:errorlint // a cut is io.ErrUnexpectedEOF
		t.Errorf("SSE: %v", err)
	}
}

func TestWatchHeartbeat(t *testing.T) {
	r := start(t, func(cfg *app.Config) { cfg.WatchHeartbeat = 10 * time.Millisecond })
	ctx, cancel := r.owner()
	defer cancel()
	response := r.askEvents(ctx, r.order("u1").GetId()+":watch", r.issuer.Token("u1"))
	text := ""
	for buf := make([]byte, 100); !strings.Contains(text, "\n\n:\n\n:\n\n"); {
		n, err := response.body.Read(buf)
		if err != nil {
			t.Fatalf("%q %v", text, err)
		}
		text += string(buf[:n])
	}
	bad := r.cfg
	bad.WatchHeartbeat = -1
	if _, err := app.New(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "WATCH_HEARTBEAT=-1ns") {
		t.Errorf("a negative time: %v", err)
	}
}
