package stripe_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
)

// mockBinary is the path of stripe-mock: STRIPE_MOCK, or what tools/stripe-mock.sh answers. Without it the test is skipped,
// unless STRIPE_MOCK names it.
func mockBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("STRIPE_MOCK"); path != "" {
		return path
	}
	script, err := filepath.Abs("../../../../../tools/stripe-mock.sh")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	command := exec.CommandContext(t.Context(), script)
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Skipf("SKIPPED: stripe-mock is not to be had here: %v\n%s", err, said.String())
	}
	return strings.TrimSpace(string(out))
}

// startMock runs stripe-mock until the test ends. What it says of bad requests is logged when the test fails.
func startMock(t *testing.T) (url string) {
	t.Helper()
	binary := mockBinary(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	said := &output{}
	command := exec.CommandContext(ctx, binary, "-http-addr", addr, "-https-addr", "127.0.0.1:0", "-verbose")
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = command.Wait() // it was killed
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close() // it was only to see whether somebody listens
			return "http://" + addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("stripe-mock does not start: %v\n%s", err, said.String())
		}
	}
}

type output struct {
	sync.Mutex
	bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	return o.Buffer.Write(p)
}

func (o *output) String() string {
	o.Lock()
	defer o.Unlock()
	return o.Buffer.String()
}

// stripe-mock holds every request against Stripe's own description of its API: paths, parameters and their types. It keeps
// no state, so its answers are Stripe's examples; what is looked for is that no request is refused.
func TestRequestsAreStripes(t *testing.T) {
	c := client(t, startMock(t))
	p := order()
	for _, kind := range []payment.Kind{payment.KindAuthorize, payment.KindCapture, payment.KindVoid, payment.KindRefund} {
		op := payment.Operation{Kind: kind, Key: "p1:" + string(kind), Amount: 2250}
		if kind != payment.KindAuthorize {
			p.ProviderReference = "pi_1"
		}
		if kind == payment.KindRefund {
			op.Key, op.RefundID = op.Key+":r1", "r1"
		}
		refusedByMock(t, "perform "+string(kind), c.Perform(t.Context(), p, op))
		out, _ := c.LookUp(t.Context(), p, op)
		refusedByMock(t, "look up "+string(kind), out)
	}
	if err := c.List(t.Context(), time.Now().Add(-time.Hour), func([]provider.Standing) error { return nil }); err != nil {
		t.Errorf("list: %v", err)
	}
	if _, err := c.Find(t.Context(), "pi_1"); err != nil {
		t.Errorf("find: %v", err)
	}
	// The mock does refuse what Stripe does not know: an amount that is missing, here.
	broken := order()
	broken.Currency = ""
	out := c.Perform(t.Context(), broken, payment.Operation{Kind: payment.KindAuthorize, Key: "k", Amount: 1})
	if out.Result != payment.Refused {
		t.Errorf("a request without a currency: %+v", out)
	}
}

// refusedByMock fails when the mock took offence: an example of another amount or state than ours is none.
func refusedByMock(t *testing.T, call string, out payment.Outcome) {
	t.Helper()
	var failed *provider.Error
	if out.Result == payment.Refused && strings.Contains(out.Code, "invalid") || asProviderError(out.Cause, &failed) && failed.Status >= 400 {
		t.Errorf("%s: %+v", call, out)
	}
}
