package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/notifier/app"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	"orderflow.example/schemas/orderv1"
)

func orderIDs(list *notifierv1.ListNotificationsResponse) (ids []string) {
	for _, n := range list.GetNotifications() {
		ids = append(ids, n.GetOrderId())
	}
	return ids
}

// From the events of an order to what its customer reads of them.
func TestFactsAreTold(t *testing.T) {
	r := start(t)
	kim := "kim@example.com"
	r.say("o1",
		&orderv1.OrderPlaced{OrderID: "o1", UserID: "u1", Currency: "KRW", OccurredAt: r.clock},
		&orderv1.OrderConfirmed{OrderID: "o1", OrderNumber: "ORD-o1", UserID: "u1", Total: 2000, Currency: "KRW", CustomerEmail: &kim, OccurredAt: r.clock})
	r.paid("o1", "u1", kim)
	r.paid("o2", "u2", "")
	r.deliver()
	if mails, posts := len(r.mail.Mails()), len(r.hook.Posts()); mails != 2 || posts != 3 {
		t.Errorf("%d mails and %d posts, want 2 and 3", mails, posts)
	}
	list := r.list(r.as("u1"), &notifierv1.ListNotificationsRequest{})
	if list.GetTotalSize() != 2 {
		t.Fatalf("got %v", list)
	}
	paid, confirmed := list.GetNotifications()[0], list.GetNotifications()[1]
	if paid.GetFactType() != "orderflow.order.v1.OrderPaid" || confirmed.GetFactType() != "orderflow.order.v1.OrderConfirmed" {
		t.Errorf("got %v", list)
	}
	got, err := r.GetNotification(r.as("u1"), &notifierv1.GetNotificationRequest{NotificationId: paid.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetSubject() != "We received your payment for order ORD-o1" || got.GetUserId() != "u1" || !got.GetCreatedAt().AsTime().Equal(r.clock.Add(-1e9)) {
		t.Errorf("got %v", got)
	}
	for i, want := range []struct{ channel, recipient string }{{"email", "k***@example.com"}, {"webhook", r.hook.URL + "/***"}} {
		d := got.GetDeliveries()[i]
		if d.GetChannel() != want.channel || d.GetRecipient() != want.recipient || d.GetStatus() != notifierv1.DeliveryStatus_SENT ||
			d.GetAttempts() != 1 || d.GetLastError() != "" || !d.GetSentAt().AsTime().Equal(r.clock) {
			t.Errorf("delivery %v, want %+v", d, want)
		}
	}
	facts, err := app.DeliveryFacts(t.Context(), r.DB)
	if err != nil || len(facts) != 5 {
		t.Fatalf("%d facts, %v", len(facts), err)
	}
	for _, f := range facts {
		if f.Status != "SENT" || f.NotificationID == "" || f.FactID == "" || f.OrderID == "o2" && f.Channel == "email" {
			t.Errorf("fact %+v", f)
		}
	}
	r.check()
}

func TestAFailedDeliveryIsShown(t *testing.T) {
	r := start(t)
	r.paid("o1", "u1", "kim@example.com")
	r.mail.Refuse(0, 550)
	r.hook.Answer(503, "")
	r.deliver()
	deliveries := r.list(r.as("u1"), &notifierv1.ListNotificationsRequest{}).GetNotifications()[0].GetDeliveries()
	for i, want := range []struct {
		status notifierv1.DeliveryStatus_Value
		reason string
	}{{notifierv1.DeliveryStatus_FAILED, "the SMTP server answered 550"}, {notifierv1.DeliveryStatus_PENDING, "the receiver answered 503"}} {
		if d := deliveries[i]; d.GetStatus() != want.status || d.GetLastError() != want.reason || d.GetSentAt() != nil {
			t.Errorf("got %v, want %+v", d, want)
		}
	}
	r.check()
}

func TestPages(t *testing.T) {
	r := start(t)
	var want []string
	for i := range 12 {
		id := fmt.Sprintf("o%02d", i)
		r.paid(id, "u1", "")
		want = append([]string{id}, want...)
	}
	r.paid("theirs", "u2", "")
	if first := r.list(r.as("u1"), &notifierv1.ListNotificationsRequest{}); len(first.GetNotifications()) != 10 {
		t.Errorf("a page has %d by default", len(first.GetNotifications()))
	}
	var got []string
	req := &notifierv1.ListNotificationsRequest{PageSize: 5}
	for {
		page := r.list(r.as("u1"), req)
		if page.GetTotalSize() != 12 {
			t.Errorf("total %d", page.GetTotalSize())
		}
		got = append(got, orderIDs(page)...)
		r.paid("later"+page.GetNextPageToken(), "u3", "") // what arrives meanwhile shifts nothing
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	whole := r.list(r.as("u1"), &notifierv1.ListNotificationsRequest{PageSize: 12})
	if whole.GetNextPageToken() != "" {
		t.Error("the last page is full, and another one follows")
	}
}

// A customer sees their own notifications alone; others' are not there.
func TestOwners(t *testing.T) {
	r := start(t)
	r.paid("mine", "u1", "")
	r.paid("theirs", "u2", "")
	theirs := r.list(r.as("u2"), &notifierv1.ListNotificationsRequest{}).GetNotifications()[0].GetId()
	for name, c := range map[string]struct {
		subject string
		role    string
		req     *notifierv1.ListNotificationsRequest
		want    []string
		get     codes.Code // of theirs
	}{
		"customer":               {"u1", "", &notifierv1.ListNotificationsRequest{}, []string{"mine"}, codes.NotFound},
		"customer, own id":       {"u1", "", &notifierv1.ListNotificationsRequest{UserId: "u1"}, []string{"mine"}, codes.NotFound},
		"customer, another's id": {"u1", "", &notifierv1.ListNotificationsRequest{UserId: "u2"}, nil, codes.NotFound},
		"customer, their order":  {"u1", "", &notifierv1.ListNotificationsRequest{OrderId: "theirs"}, nil, codes.NotFound},
		"the other customer":     {"u2", "", &notifierv1.ListNotificationsRequest{}, []string{"theirs"}, codes.OK},
		"staff":                  {"s", "staff", &notifierv1.ListNotificationsRequest{}, []string{"theirs", "mine"}, codes.OK},
		"staff, by user":         {"s", "staff", &notifierv1.ListNotificationsRequest{UserId: "u1"}, []string{"mine"}, codes.OK},
		"auditor, by order":      {"a", "auditor", &notifierv1.ListNotificationsRequest{OrderId: "theirs"}, []string{"theirs"}, codes.OK},
		"service":                {"x", "service", &notifierv1.ListNotificationsRequest{}, []string{"theirs", "mine"}, codes.OK},
	} {
		ctx := r.as(c.subject)
		if c.role != "" {
			ctx = r.as(c.subject, c.role)
		}
		list := r.list(ctx, c.req)
		if got := orderIDs(list); !slices.Equal(got, c.want) || int(list.GetTotalSize()) != len(c.want) {
			t.Errorf("%s sees %v of %d, want %v", name, got, list.GetTotalSize(), c.want)
		}
		_, err := r.GetNotification(ctx, &notifierv1.GetNotificationRequest{NotificationId: theirs})
		if status.Code(err) != c.get {
			t.Errorf("%s gets %v, want %s", name, err, c.get)
		}
	}
}

// Each bad call gets the right code, and a body that names the field and the rule.
func TestBadCalls(t *testing.T) {
	r := start(t)
	r.paid("o1", "u1", "")
	r.paid("o2", "u1", "")
	token := r.list(r.as("u1"), &notifierv1.ListNotificationsRequest{PageSize: 1}).GetNextPageToken()
	list := func(req *notifierv1.ListNotificationsRequest) func() error {
		return func() error { _, err := r.ListNotifications(r.as("u1"), req); return err }
	}
	get := func(id string) func() error {
		return func() error {
			_, err := r.GetNotification(r.as("u1"), &notifierv1.GetNotificationRequest{NotificationId: id})
			return err
		}
	}
	for name, c := range map[string]struct {
		call  func() error
		code  codes.Code
		names []string // what the message or the details must name
	}{
		"unknown":               {get("none"), codes.NotFound, []string{"NOTIFICATION_NOT_FOUND", "none"}},
		"no id":                 {get(""), codes.InvalidArgument, []string{"notificationId", "STRING_PATTERN"}},
		"a page of 101":         {list(&notifierv1.ListNotificationsRequest{PageSize: 101}), codes.InvalidArgument, []string{"pageSize", "INT32_"}},
		"a made-up page token":  {list(&notifierv1.ListNotificationsRequest{PageToken: "abc"}), codes.InvalidArgument, []string{"pageToken", "PAGE_TOKEN"}},
		"a token of no base64":  {list(&notifierv1.ListNotificationsRequest{PageToken: "a"}), codes.InvalidArgument, []string{"pageToken", "PAGE_TOKEN"}},
		"another list's token":  {list(&notifierv1.ListNotificationsRequest{PageToken: token, OrderId: "o1"}), codes.InvalidArgument, []string{"pageToken", "other filters"}},
		"another user's token":  {list(&notifierv1.ListNotificationsRequest{PageToken: token, UserId: "u1"}), codes.InvalidArgument, []string{"pageToken", "other filters"}},
		"an order id with bars": {list(&notifierv1.ListNotificationsRequest{OrderId: "o|1"}), codes.InvalidArgument, []string{"orderId", "STRING_PATTERN"}},
		"no token": {func() error {
			_, err := r.ListNotifications(t.Context(), &notifierv1.ListNotificationsRequest{})
			return err
		}, codes.Unauthenticated, []string{"TOKEN_MISSING"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.call()
			if status.Code(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			text := status.Convert(err).Message()
			for _, detail := range status.Convert(err).Details() {
				switch d := detail.(type) {
				case *errdetails.BadRequest:
					text += fmt.Sprint(d.GetFieldViolations())
				case *errdetails.ErrorInfo:
					text += d.GetReason() + fmt.Sprint(d.GetMetadata())
				}
			}
			for _, want := range c.names {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not name %q", text, want)
				}
			}
		})
	}
}

func TestREST(t *testing.T) {
	r := start(t)
	r.paid("o1", "u1", "kim@example.com")
	id := r.list(r.as("u1"), &notifierv1.ListNotificationsRequest{}).GetNotifications()[0].GetId()
	for path, c := range map[string]struct {
		status int
		names  string
	}{
		"/v1/notifications?orderId=o1":    {200, "k***@example.com"},
		"/v1/notifications/" + id:         {200, "We received your payment"},
		"/v1/notifications/none":          {404, "NOTIFICATION_NOT_FOUND"},
		"/v1/notifications?pageSize=101":  {400, "pageSize"},
		"/v1/notifications?pageToken=abc": {400, "PAGE_TOKEN"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.http+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+r.issuer.Token("u1"))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		err = json.NewDecoder(response.Body).Decode(&answer)
		response.Body.Close()
		if err != nil || response.StatusCode != c.status || !strings.Contains(fmt.Sprint(answer), c.names) {
			t.Errorf("%s: %d %v %v", path, response.StatusCode, answer, err)
		}
	}
}
