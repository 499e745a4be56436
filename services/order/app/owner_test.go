package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	events "orderflow.example/schemas/orderv1"
)

func (r *rig) list(subject string, roles ...string) []string {
	r.Helper()
	answer, err := r.ListOrders(r.as(subject, roles...), &orderv1.ListOrdersRequest{PageSize: 100})
	if err != nil {
		r.Fatal(err)
	}
	var ids []string
	for _, o := range answer.GetOrders() {
		ids = append(ids, o.GetId())
	}
	if int(answer.GetTotalSize()) != len(ids) {
		r.Errorf("%d orders of %d", len(ids), answer.GetTotalSize())
	}
	return ids
}

// A customer sees and changes their own orders alone; others' are not there.
func TestOwners(t *testing.T) {
	r := start(t)
	mine, yours := r.order("u1"), r.order("u2")
	calls := map[string]func(subject string, roles ...string) error{
		"get": func(subject string, roles ...string) error {
			_, err := r.GetOrder(r.as(subject, roles...), &orderv1.GetOrderRequest{OrderId: mine.GetId()})
			return err
		},
		"get by number": func(subject string, roles ...string) error {
			_, err := r.GetOrderByNumber(r.as(subject, roles...), &orderv1.GetOrderByNumberRequest{OrderNumber: mine.GetOrderNumber()})
			return err
		},
		"timeline": func(subject string, roles ...string) error {
			_, err := r.GetOrderTimeline(r.as(subject, roles...), &orderv1.GetOrderTimelineRequest{OrderId: mine.GetId()})
			return err
		},
	}
	for name, call := range calls {
		if err := call("u2"); status.Code(err) != codes.NotFound {
			t.Errorf("%s by another customer: %v", name, err)
		}
		for _, role := range []string{"staff", "auditor", "service"} {
			if err := call("x", role); err != nil {
				t.Errorf("%s by %s: %v", name, role, err)
			}
		}
		if err := call("u1"); err != nil {
			t.Errorf("%s by the owner: %v", name, err)
		}
	}
	if got := r.list("u1"); !slices.Equal(got, []string{mine.GetId()}) {
		t.Errorf("u1 sees %v", got)
	}
	if got := r.list("a", "auditor"); !slices.Equal(got, []string{yours.GetId(), mine.GetId()}) {
		t.Errorf("an auditor sees %v", got)
	}
	for subject, role := range map[string]string{"u2": "", "a": "auditor"} {
		_, err := r.CancelOrder(r.as(subject, role), &orderv1.CancelOrderRequest{OrderId: mine.GetId()})
		if code := status.Code(err); code != codes.NotFound {
			t.Errorf("cancelled by %s: %v", subject, err)
		}
	}
}

func TestWhoCancelled(t *testing.T) {
	r := start(t)
	for subject, c := range map[string]struct {
		roles []string
		want  orderv1.CancelCause_Value
	}{
		"u1": {nil, orderv1.CancelCause_CUSTOMER_REQUEST},
		"s1": {[]string{"staff"}, orderv1.CancelCause_STAFF_REQUEST},
	} {
		o := r.order("u1")
		got, err := r.CancelOrder(r.as(subject, c.roles...), &orderv1.CancelOrderRequest{OrderId: o.GetId()})
		if err != nil || got.GetStatus() != orderv1.OrderStatus_CANCELLED || got.GetCancelCause() != c.want || got.GetCancelReason() == "" {
			t.Errorf("%s: %v, %v", subject, got, err)
		}
		if _, err := r.CancelOrder(r.as(subject, c.roles...), &orderv1.CancelOrderRequest{OrderId: o.GetId()}); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("cancelled twice: %v", err)
		}
	}
}

// The customer's name and address come from their own token, never from the staff member's who orders for them.
func TestCustomerOfAnOrder(t *testing.T) {
	r := start(t)
	own := r.order("u1")
	forThem, err := r.CreateOrder(r.as("s1", "staff"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{own.GetId(): "u1@mail.example", forThem.GetId(): ""} {
		var payload []byte
		if err := r.DB.QueryRowContext(t.Context(), "SELECT payload FROM outbox WHERE key = $1", id).Scan(&payload); err != nil {
			t.Fatal(err)
		}
		event, err := r.Codec.Decode(t.Context(), schemas.OrderEvents, payload)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if email := event.(*events.OrderPlaced).CustomerEmail; email != nil {
			got = *email
		}
		if got != want {
			t.Errorf("order %s goes to %q, want %q", id, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	r := start(t)
	var want []string
	for range 12 {
		want = append([]string{r.order("u1").GetId()}, want...)
	}
	r.order("u2")
	ctx := r.as("u1")
	var got []string
	request := &orderv1.ListOrdersRequest{}
	for {
		page, err := r.ListOrders(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		if page.GetTotalSize() != 12 {
			t.Errorf("%d in all", page.GetTotalSize())
		}
		for _, o := range page.GetOrders() {
			got = append(got, o.GetId())
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
		other := &orderv1.ListOrdersRequest{PageToken: request.PageToken, Status: orderv1.OrderStatus_PAID}
		if _, err := r.ListOrders(ctx, other); status.Code(err) != codes.InvalidArgument {
			t.Errorf("a page token with other filters: %v", err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	sagas := &orderv1.ListSagasRequest{PageSize: 5}
	n := 0
	for {
		page, err := r.ListSagas(r.as("s", "staff"), sagas)
		if err != nil || page.GetTotalSize() != 13 {
			t.Fatalf("%v, %v", page, err)
		}
		n += len(page.GetSagas())
		if sagas.PageToken = page.GetNextPageToken(); sagas.PageToken == "" {
			break
		}
	}
	if n != 13 {
		t.Errorf("%d sagas on all pages", n)
	}
}

// However long the filters are, a token that the service made is one that it takes, from the same caller alone.
func TestPagesOfALongSubject(t *testing.T) {
	r := start(t)
	user := strings.Repeat("s", 200)
	var want, got []string
	for range 3 {
		want = append([]string{r.order(user).GetId()}, want...)
	}
	least, most := int64(1), int64(1<<40)
	request := &orderv1.ListOrdersRequest{
		PageSize: 1, UserId: user, Status: orderv1.OrderStatus_PENDING, PaymentStatus: orderv1.PaymentStatus_PENDING,
		CreatedAfter:  timestamppb.New(time.Now().Add(-time.Hour)),
		CreatedBefore: timestamppb.New(time.Now().Add(time.Hour)), MinTotal: &least, MaxTotal: &most,
	}
	for {
		page, err := r.ListOrders(r.as(user), request)
		if err != nil {
			t.Fatalf("after %d orders: %v", len(got), err)
		}
		for _, o := range page.GetOrders() {
			got = append(got, o.GetId())
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
		if len(got) == len(want) {
			t.Fatal("another page after the last order")
		}
		if _, err := r.ListOrders(r.as("u2"), request); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "other filters") {
			t.Errorf("another caller's token: %v", err)
		}
		token := request.PageToken
		request.PageToken += "A"
		if _, err := r.ListOrders(r.as(user), request); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "nextPageToken") {
			t.Errorf("a token with a character appended: %v", err)
		}
		request.PageToken = token
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
