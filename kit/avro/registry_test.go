package avro

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

var attempts atomic.Int64

// unreachableClient fails without a network, so that a test's clock may be a simulated one.
func unreachableClient() *srclient.SchemaRegistryClient {
	attempts.Store(0)
	return srclient.NewSchemaRegistryClient("http://registry.invalid", srclient.WithClient(&http.Client{Transport: unreachable{}}))
}

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	attempts.Add(1)
	return nil, errors.New("no network")
}

// clock is a simulated one.
type clock struct{ now time.Time }

func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

// consumer is a codec that has yet to fetch every schema, with a value that another wrote.
func consumer(t *testing.T) (c *Codec, registry *fakeRegistry, clk *clock, value []byte) {
	t.Helper()
	registry = newFakeRegistry(t)
	value = encode(t, newCodecAt(t, registry.URL()), testEvents()[0])
	clk = &clock{noon}
	c = lookUpCodec(t, registry.URL(), nil)
	c.foreign.now = func() time.Time { return clk.now }
	registry.requests.Store(0)
	return c, registry, clk, value
}

func TestSchemaIsFetchedOnce(t *testing.T) {
	c, registry, _, value := consumer(t)
	release := make(chan struct{})
	var fetches atomic.Int64
	registry.Intercept(func(http.ResponseWriter, *http.Request) bool {
		fetches.Add(1)
		<-release
		return false
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := c.Decode(t.Context(), topic, value); err != nil {
				t.Error(err)
			}
		})
	}
	for deadline := time.Now().Add(5 * time.Second); fetches.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody asked")
		}
	}
	close(release)
	wg.Wait()
	registry.answer(status(500, "")) // and once more without it
	if _, err := c.Decode(t.Context(), topic, value); err != nil {
		t.Error(err)
	}
	if n := fetches.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestUnreachableRegistryIsTransientForEver(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"server error":      status(500, `{"error_code":50001,"message":"store"}`),
		"bad gateway":       status(502, "<html>"),
		"page of a proxy":   status(404, "<html>not here</html>"),
		"credentials":       status(401, `{"error_code":40101,"message":"no"}`),
		"null":              status(200, "null"),
		"no schema":         status(200, "{}"),
		"broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			c, registry, clk, value := consumer(t)
			registry.answer(answer)
			for range 3 {
				if _, err := c.Decode(t.Context(), topic, value); err == nil || !IsTransient(err) {
					t.Fatalf("error %v, want a transient one", err)
				}
				clk.advance(24 * time.Hour)
			}
			registry.recover()
			if got, err := c.Decode(t.Context(), topic, value); err != nil || !reflect.DeepEqual(got, testEvents()[0]) {
				t.Errorf("after it: %+v, %v", got, err)
			}
		})
	}
}

func TestUnknownIDIsGivenHalfAMinute(t *testing.T) {
	c, registry, clk, value := consumer(t)
	registry.answer(status(404, `{"error_code":40403,"message":"Schema not found"}`))
	decode := func() error {
		_, err := c.Decode(t.Context(), topic, value)
		return err
	}
	for _, step := range []struct {
		after     time.Duration
		transient bool
		requests  int64 // so far
	}{
		{0, true, 1},
		{missKept - 1, true, 1}, // answered from memory
		{1, true, 2},
		{unknownPatience - missKept - 1, true, 3},
		{missKept, false, 4},
		{1, false, 4},
		{time.Hour, false, 5},
	} {
		clk.advance(step.after)
		err := decode()
		if !errors.Is(err, errUnknown) || IsTransient(err) != step.transient || registry.requests.Load() != step.requests {
			t.Errorf("%v after the first: transient %v, %d requests, want %v, %d: %v", clk.now.Sub(noon),
				IsTransient(err), registry.requests.Load(), step.transient, step.requests, err)
		}
	}
	registry.recover() // a late release is taken all the same
	clk.advance(missKept)
	if err := decode(); err != nil {
		t.Error(err)
	}
	if len(c.foreign.missing) > 0 {
		t.Error("the miss was kept")
	}
}

func TestHugeSchemaIsNotRead(t *testing.T) {
	c, registry, clk, value := consumer(t)
	var sent atomic.Int64
	registry.answer(func(w http.ResponseWriter, _ *http.Request) {
		sent.Store(0)
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for range 1_000 {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if _, err := c.Decode(t.Context(), topic, value); !errors.Is(err, errTooLarge) && !IsTransient(err) {
		t.Errorf("error %v", err)
	}
	clk.advance(unknownPatience)
	if _, err := c.Decode(t.Context(), topic, value); err == nil || IsTransient(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
	if n := sent.Load(); n > 32<<20 {
		t.Errorf("%d bytes were taken", n)
	}
}

func TestDecodeEndsWithItsContext(t *testing.T) {
	c, registry, _, value := consumer(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	registry.answer(func(http.ResponseWriter, *http.Request) {
		cancel()
		<-release
	})
	_, err := c.Decode(ctx, topic, value)
	if !errors.Is(err, context.Canceled) || !IsTransient(err) {
		t.Errorf("error %v", err)
	}
}

// Whoever writes garbage to a topic chooses the ids: they must not fill the memory.
func TestUnknownIDsAreBounded(t *testing.T) {
	clk := &clock{noon}
	fetched := 0
	f := newForeignSchemas(func(uint32) (string, error) { fetched++; return "", errUnknown }, nil, func() time.Time { return clk.now })
	for id := range uint32(3 * maxMisses) {
		clk.advance(time.Millisecond)
		if _, err := f.get(t.Context(), id); !IsTransient(err) {
			t.Fatalf("id %d: %v", id, err)
		}
	}
	if len(f.missing) != maxMisses || fetched != 3*maxMisses {
		t.Errorf("%d ids kept, %d fetched", len(f.missing), fetched)
	}
	if _, kept := f.missing[3*maxMisses-1]; !kept {
		t.Error("the newest was dropped")
	}
}

func TestUnreadableSchemaIsRefusedWithoutAskingAgain(t *testing.T) {
	c, registry, _, value := consumer(t)
	registry.answer(status(200, `{"schema":"{\"type\":\"record\",\"name\":\"Other\",\"fields\":[]}"}`))
	for range 2 {
		if _, err := c.Decode(t.Context(), topic, value); err == nil || IsTransient(err) || !strings.Contains(err.Error(), "Other") {
			t.Errorf("error %v", err)
		}
	}
	if n := registry.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestCredentialsAndBasePathAreSent(t *testing.T) {
	registry := srfake.NewRegistry(srfake.WithAuth("Basic dTpw")) // u:p
	server := newServer(t, http.StripPrefix("/apis/ccompat/v7", registry.Handler()))
	for _, base := range []string{"/apis/ccompat/v7", "/apis/ccompat/v7/"} {
		c, err := NewCodec(Config{RegistryURL: server + base, Username: "u", Password: "p", Register: true}, testTypes)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Resolve(t.Context(), topic, "test.order.v1.OrderPlaced"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Decode(t.Context(), topic, encode(t, c, testEvents()[0])); err != nil {
			t.Error(err)
		}
	}
}

func TestIDIsOfTheValueNotOfTheCodec(t *testing.T) {
	c, registry, _, value := consumer(t)
	var asked string
	registry.Intercept(func(_ http.ResponseWriter, r *http.Request) bool { asked = r.URL.Path; return false })
	if _, err := c.Decode(t.Context(), topic, value); err != nil {
		t.Fatal(err)
	}
	if want := "/schemas/ids/" + strconv.Itoa(int(value[4])); asked != want {
		t.Errorf("asked for %s, want %s", asked, want)
	}
}
