package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"orderflow.example/dev/platform"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// patience bounds every wait for something that takes a second when all is well.
const patience = 90 * time.Second

// rig is a running platform and what a client needs to talk to it.
type rig struct {
	*testing.T
	*platform.Platform
	orders orderv1.OrderServiceClient
}

// start runs a platform until the test ends.
func start(t *testing.T, cfg platform.Config) *rig {
	t.Helper()
	p := startPlatform(t, cfg)
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return connect(t, p)
}

func startPlatform(t *testing.T, cfg platform.Config) *platform.Platform {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := platform.Start(ctx, cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return p
}

// connect makes the clients of a running platform.
func connect(t *testing.T, p *platform.Platform) *rig {
	t.Helper()
	r := &rig{T: t, Platform: p}
	r.orders = orderv1.NewOrderServiceClient(r.dial("order"))
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return r
}

// dial opens a gRPC connection to a service, for as long as the test runs.
func (r *rig) dial(service string) *grpc.ClientConn {
	r.Helper()
	conn, err := grpc.NewClient(r.Addresses.ByService[service].GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := conn.Close(); err != nil {
			r.Errorf("close the connection to %s: %v", service, err)
		}
	})
	return conn
}

func (r *rig) token(subject string, roles ...string) string {
	r.Helper()
	token, err := platform.Token(r.Issuer.Signer, subject, roles...)
	if err != nil {
		r.Fatal(err)
	}
	return token
}

// as is the context of gRPC calls in somebody's name.
func (r *rig) as(subject string, roles ...string) context.Context {
	return metadata.AppendToOutgoingContext(r.Context(), "authorization", "Bearer "+r.token(subject, roles...))
}

// answer is what a REST call came to.
type answer struct {
	code int
	body map[string]any
}

// rest makes a REST call in the name of a token.
func (r *rig) rest(service, method, path, token, body string) answer {
	r.Helper()
	a, err := call(r.Context(), "http://"+r.Addresses.ByService[service].REST+path, method, token, body)
	if err != nil {
		r.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func call(ctx context.Context, url, method, token, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{code: response.StatusCode}
	return a, json.NewDecoder(bytes.NewReader(text)).Decode(&a.body)
}

// sell adds a product over REST and waits until it can be ordered.
func (r *rig) sell(id string, price, stock int) {
	r.Helper()
	body, err := json.Marshal(map[string]any{"productId": id, "sku": "SKU-" + id, "name": "Product " + id, "price": price, "initialStock": stock})
	if err != nil {
		r.Fatal(err)
	}
	if a := r.rest("inventory", "POST", "/v1/products", r.token("boss", "catalogue"), string(body)); a.code != http.StatusCreated {
		r.Fatalf("create %s: %d %v", id, a.code, a.body)
	}
	r.waitForProduct(id, price)
}

// waitForProduct waits until the order service knows a product at a price. An order that expects a total it can't have
// tells, and places nothing.
func (r *rig) waitForProduct(id string, price int) {
	r.Helper()
	impossible := int64(price) + 1
	r.eventually("product "+id+" can be ordered", func() bool {
		_, err := r.orders.CreateOrder(r.as("probe"), &orderv1.CreateOrderRequest{
			UserId: "probe", Items: []*orderv1.CreateOrderItem{{ProductId: id, Quantity: 1}}, ExpectedTotal: &impossible,
		})
		return err != nil && strings.Contains(err.Error(), "the total is now")
	})
}

// place places an order over REST and returns its id. With no token, the platform takes the good one.
func (r *rig) place(user, payment, items string) string {
	r.Helper()
	body := `{"userId":"` + user + `","items":` + items
	if payment != "" {
		body += `,"paymentToken":"` + payment + `"`
	}
	a := r.rest("order", "POST", "/v1/orders", r.token(user), body+"}")
	if a.code != http.StatusCreated || a.body["status"] != "PENDING" {
		r.Fatalf("place: %d %v", a.code, a.body)
	}
	return a.body["id"].(string)
}

func (r *rig) order(id string) *orderv1.Order {
	r.Helper()
	o, err := r.orders.GetOrder(r.as("staff", "staff"), &orderv1.GetOrderRequest{OrderId: id})
	if err != nil {
		r.Fatalf("order %s: %v", id, err)
	}
	return o
}

// becomes waits until an order has the status.
func (r *rig) becomes(id string, status orderv1.OrderStatus_Value) *orderv1.Order {
	r.Helper()
	var o *orderv1.Order
	r.eventually("order "+id+" is "+status.String(), func() bool {
		o = r.order(id)
		return o.GetStatus() == status
	})
	return o
}

// eventually polls until something holds.
func (r *rig) eventually(what string, holds func() bool) {
	r.Helper()
	poll(r.T, patience, what, holds)
}

func poll(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	pollOr(t, limit, what, holds, func() string { return "" })
}

// pollOr polls until something holds. When it does not in time, the test ends with what explain says.
func pollOr(t *testing.T, limit time.Duration, what string, holds func() bool, explain func() string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("within %s it did not come to be that %s\n%s", limit, what, explain())
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("the test ended before %s", what)
		}
	}
}
