package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/idempotency"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

// rig is a database with a table of effects and a clock that the test moves.
type rig struct {
	*testing.T
	db    *sqldb.DB
	mu    sync.Mutex
	clock time.Time
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

func each(t *testing.T, test func(r *rig)) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLiteURL, "postgres": sqldbtest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			r := &rig{T: t, clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
			r.db = sqldbtest.Open(t, sqldb.Config{URL: url(t), Now: r.now})
			if _, err := r.db.ExecContext(t.Context(), "CREATE TABLE effects (what TEXT NOT NULL)"); err != nil {
				t.Fatal(err)
			}
			test(r)
		})
	}
}

// stream stands in for the one of gRPC: it knows the method and takes the headers.
type stream struct {
	grpc.ServerTransportStream
	method string
	mu     sync.Mutex
	header metadata.MD
}

func (s *stream) Method() string { return s.method }

func (s *stream) SetHeader(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header = metadata.Join(s.header, md)
	return nil
}

type answer struct {
	text     string // of the answer
	err      error
	replayed bool
}

// call asks as a principal, with a key unless that is empty. Its effect is a row.
func (r *rig) call(principal, method, key, request string, refuse ...error) answer {
	r.Helper()
	return r.with(principal, method, key, request, func(ctx context.Context, tx *sqldb.Tx) (*wrapperspb.StringValue, error) {
		if _, err := tx.ExecContext(ctx, "INSERT INTO effects (what) VALUES ($1)", request); err != nil {
			return nil, err
		}
		return wrapperspb.String(fmt.Sprintf("answer to %s at %s", request, tx.Now().Format(time.TimeOnly))), errors.Join(refuse...)
	})
}

func (r *rig) with(principal, method, key, request string, fn func(context.Context, *sqldb.Tx) (*wrapperspb.StringValue, error)) answer {
	s := &stream{method: method}
	ctx := grpc.NewContextWithServerTransportStream(auth.WithPrincipal(r.Context(), auth.Principal{Subject: principal}), s)
	if key != "" {
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("idempotency-key", key))
	}
	got, err := idempotency.InTx(ctx, r.db, wrapperspb.String(request), fn)
	return answer{got.GetValue(), err, len(s.header.Get("idempotent-replayed")) == 1}
}

func (r *rig) effects(want int) {
	r.Helper()
	var n int
	if err := r.db.QueryRowContext(r.Context(), "SELECT COUNT(*) FROM effects").Scan(&n); err != nil || n != want {
		r.Errorf("%d effects, %v; want %d", n, err, want)
	}
}

func (r *rig) reason(a answer, want string) {
	r.Helper()
	if a.err == nil || errs.From(a.err).Reason != want {
		r.Errorf("%+v, want %s", a, want)
	}
}

func TestARepetitionGetsTheFirstAnswer(t *testing.T) {
	each(t, func(r *rig) {
		first := r.call("u1", "/s/Create", "k", "a")
		r.pass(time.Hour)
		again := r.call("u1", "/s/Create", "k", "a")
		if first.err != nil || first.replayed || again.err != nil || !again.replayed || again.text != first.text {
			t.Errorf("%+v, then %+v", first, again)
		}
		r.effects(1)
	})
}

func TestAKeyIsItsCallersForOneMethod(t *testing.T) {
	each(t, func(r *rig) {
		for _, a := range []answer{
			r.call("u1", "/s/Create", "k", "a"), r.call("u2", "/s/Create", "k", "a"), r.call("u1", "/s/Cancel", "k", "a"),
			r.call("u1", "/s/Create", "k2", "a"), r.call("u1", "/s/Create", "", "a"), r.call("u1", "/s/Create", "", "a"),
		} {
			if a.err != nil || a.replayed {
				t.Errorf("%+v", a)
			}
		}
		r.effects(6)
	})
}

func TestAKeyIsForOneRequest(t *testing.T) {
	each(t, func(r *rig) {
		r.call("u1", "/s/Create", "k", "a")
		other := r.call("u1", "/s/Create", "k", "b")
		r.reason(other, "IDEMPOTENCY_KEY_REUSED")
		if errs.From(other.err).Code != errs.AlreadyExists || other.replayed {
			t.Errorf("%+v", other)
		}
		r.effects(1)
	})
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		kept bool
	}{
		"bad move":            {errs.New(errs.FailedPrecondition, "BAD_MOVE", "no").With("status", "SHIPPED"), true},
		"taken":               {errs.New(errs.AlreadyExists, "TAKEN", "no"), true},
		"not there":           {fmt.Errorf("load: %w", errs.New(errs.NotFound, "NOT_THERE", "no")), true},
		"malformed":           {errs.Invalid(errs.Field{Name: "a", Description: "is bad"}), false},
		"changed meanwhile":   {errs.New(errs.Aborted, "ETAG_MISMATCH", "no"), false},
		"may pass":            {errs.New(errs.FailedPrecondition, "BUSY", "no").Retry(time.Second), false},
		"not available":       {errs.New(errs.Unavailable, "AWAY", "no"), false},
		"fault of the server": {errors.New("disk on fire"), false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(r *rig) {
				first := r.call("u1", "/s/Create", "k", "a", c.err)
				if !errors.Is(first.err, c.err) && errs.From(first.err).Reason != errs.From(c.err).Reason || first.replayed {
					r.Fatalf("%+v", first)
				}
				r.effects(0)
				again := r.call("u1", "/s/Create", "k", "a")
				if again.replayed != c.kept {
					r.Fatalf("%+v", again)
				}
				if !c.kept {
					if again.err != nil {
						r.Errorf("%v", again.err)
					}
					return
				}
				want, got := errs.From(c.err), errs.From(again.err)
				if got == nil || got.Code != want.Code || got.Reason != want.Reason || got.Message != want.Message || got.Metadata["status"] != want.Metadata["status"] {
					r.Errorf("%+v, want %+v", got, want)
				}
				r.effects(0)
				r.reason(r.call("u1", "/s/Create", "k", "b"), "IDEMPOTENCY_KEY_REUSED")
			})
		})
	}
}

func TestCallsAtOnceHaveOneEffect(t *testing.T) {
	each(t, func(r *rig) {
		const callers = 16
		var fresh atomic.Int32
		texts := make(chan string, callers)
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				a := r.call("u1", "/s/Create", "k", "a")
				if a.err != nil {
					t.Error(a.err)
				}
				if !a.replayed {
					fresh.Add(1)
				}
				texts <- a.text
			})
		}
		calls.Wait()
		close(texts)
		for text := range texts {
			if text != "answer to a at 03:04:05" {
				t.Errorf("%q", text)
			}
		}
		if fresh.Load() != 1 {
			t.Errorf("%d calls were the first", fresh.Load())
		}
		r.effects(1)
	})
}

// The answer of the first call is lost after its commit, as in a crash.
func TestTheAnswerSurvivesACrash(t *testing.T) {
	each(t, func(r *rig) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no crash")
				}
			}()
			r.with("u1", "/s/Create", "k", "a", func(ctx context.Context, tx *sqldb.Tx) (*wrapperspb.StringValue, error) {
				tx.OnCommit(func() { panic("the process ends") })
				_, err := tx.ExecContext(ctx, "INSERT INTO effects (what) VALUES ('a')")
				return wrapperspb.String("stored"), err
			})
		}()
		if again := r.call("u1", "/s/Create", "k", "a"); again.text != "stored" || !again.replayed {
			t.Errorf("%+v", again)
		}
		r.effects(1)
	})
}

func TestKeysLastADay(t *testing.T) {
	each(t, func(r *rig) {
		r.call("u1", "/s/Create", "k", "a")
		r.call("u1", "/s/Create", "refused", "a", errs.New(errs.NotFound, "NOT_THERE", "no"))
		r.pass(idempotency.Kept - time.Microsecond)
		if a := r.call("u1", "/s/Create", "k", "a"); !a.replayed {
			t.Errorf("forgotten too early: %+v", a)
		}
		r.pass(time.Microsecond)
		for _, key := range []string{"k", "refused"} {
			if a := r.call("u1", "/s/Create", key, "b"); a.err != nil || a.replayed {
				t.Errorf("%s: %+v", key, a)
			}
		}
		r.effects(3)
	})
}

func TestPurge(t *testing.T) {
	each(t, func(r *rig) {
		const old = 1003 // more than a batch
		for i := range old {
			r.call("u1", "/s/Create", fmt.Sprint("old", i), "a")
		}
		r.pass(time.Hour)
		r.call("u1", "/s/Create", "young", "a")
		if n, err := idempotency.Purge(r.Context(), r.db, r.now().Add(-time.Hour)); n != old || err != nil {
			t.Errorf("%d purged, %v", n, err)
		}
		if a := r.call("u1", "/s/Create", "young", "a"); !a.replayed {
			t.Errorf("%+v", a)
		}
		if a := r.call("u1", "/s/Create", "old1", "a"); a.replayed || a.err != nil {
			t.Errorf("%+v", a)
		}
	})
}

func TestMalformedKeys(t *testing.T) {
	each(t, func(r *rig) {
		for _, key := range []string{" ", "a b", "é", "a\x7f", strings.Repeat("k", 256)} {
			a := r.call("u1", "/s/Create", key, "a")
			if e := errs.From(a.err); e == nil || e.Code != errs.InvalidArgument || len(e.Fields) != 1 || e.Fields[0].Name != "Idempotency-Key" {
				t.Errorf("%q: %+v", key, a)
			}
		}
		if a := r.call("u1", "/s/Create", strings.Repeat("k", 255), "a"); a.err != nil {
			t.Error(a.err)
		}
		ctx := metadata.NewIncomingContext(r.Context(), metadata.MD{"idempotency-key": {"a", "b"}})
		if _, err := idempotency.InTx(ctx, r.db, &wrapperspb.StringValue{}, never); errs.From(err).Code != errs.InvalidArgument {
			t.Errorf("two keys: %v", err)
		}
		ctx = metadata.NewIncomingContext(r.Context(), metadata.Pairs("idempotency-key", "a"))
		if _, err := idempotency.InTx(ctx, r.db, &wrapperspb.StringValue{}, never); err == nil {
			t.Error("no method")
		}
		r.effects(1)
	})
}

func never(context.Context, *sqldb.Tx) (proto.Message, error) { panic("not to be called") }
