package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/kit/redisdb/redistest"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

func TestFirstPage(t *testing.T) {
	total := int64(1)
	for name, tt := range map[string]struct {
		owner string
		req   *orderv1.ListOrdersRequest
		field string
	}{
		"one's own":          {"u1", &orderv1.ListOrdersRequest{}, "0 false"},
		"of a size":          {"u1", &orderv1.ListOrdersRequest{PageSize: 20}, "20 false"},
		"by name":            {"u1", &orderv1.ListOrdersRequest{UserId: "u1"}, "0 true"}, // its page token is another
		"another's":          {"u1", &orderv1.ListOrdersRequest{UserId: "u2"}, ""},
		"everybody's":        {store.AnyOwner, &orderv1.ListOrdersRequest{}, ""},
		"staff for somebody": {store.AnyOwner, &orderv1.ListOrdersRequest{UserId: "u1"}, ""},
		"the second page":    {"u1", &orderv1.ListOrdersRequest{PageToken: "x"}, ""},
		"by status":          {"u1", &orderv1.ListOrdersRequest{Status: orderv1.OrderStatus_PAID}, ""},
		"by sum":             {"u1", &orderv1.ListOrdersRequest{MinTotal: &total}, ""},
		"by time":            {"u1", &orderv1.ListOrdersRequest{CreatedAfter: timestamppb.Now()}, ""},
	} {
		field, ok := firstPage(tt.owner, tt.req)
		if field != tt.field || ok != (tt.field != "") {
			t.Errorf("%s: %q, %t", name, field, ok)
		}
	}
}

// unheard has one command carried out whose answer is lost.
type unheard struct {
	redis.Hook
	armed atomic.Bool
}

func (u *unheard) DialHook(next redis.DialHook) redis.DialHook { return next }
func (u *unheard) ProcessPipelineHook(n redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return n
}

func (u *unheard) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil && u.armed.CompareAndSwap(true, false) {
			err = errors.New("the connection is lost")
			cmd.SetErr(err)
		}
		return err
	}
}

// A lock that was given without the one who asked for it hearing of it is given back.
func TestALockThatNobodyHeardOf(t *testing.T) {
	locks, hook := locker{redistest.Open(t, redistest.Own(t).URL())}, &unheard{}
	if err := locks.redis.Use(t.Context(), func(_ context.Context, r *redis.Client) error {
		r.AddHook(hook)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	first, _ := locks.obtain(t.Context(), "k") // Redis knows the script from here on
	if first == nil {
		t.Fatal("no lock")
	}
	if again, held := locks.obtain(t.Context(), "k"); again != nil || !held {
		t.Fatalf("given twice: %v, %t", again, held)
	}
	locks.release(t.Context(), first)
	hook.armed.Store(true)
	if lock, held := locks.obtain(t.Context(), "k"); lock != nil || held || hook.armed.Load() {
		t.Fatalf("the answer was heard: %v, %t", lock, held)
	}
	if lock, held := locks.obtain(t.Context(), "k"); lock == nil {
		t.Errorf("still held: %t", held)
	}
}
