package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/dev/check"
	"orderflow.example/dev/platform"
	"orderflow.example/dev/simulator"
	"orderflow.example/dev/webhooksink"
	order "orderflow.example/order/app"
)

const (
	kills         = 2
	ordersARound  = 150 // acknowledged before each kill
	loadingAtOnce = 8
)

// A platform that is killed in the middle of a load, twice, has lost nothing when it is back, and doubled nothing:
// every order that was acknowledged comes to its end, with the stock, the money and the messages that belong to it.
func TestKillInTheMiddleOfALoad(t *testing.T) {
	cfg := platform.Config{DataDir: t.TempDir(), Ports: freePorts(t), Variables: map[string]string{
		"PAYMENT_PROVIDER_TIMEOUT": "1s", "DELIVERY_TIMEOUT": "1s", // what was under way is taken over soon after that
	}}
	l := &load{t: t, acknowledged: map[string]bool{}}
	c := startChild(t, cfg)
	l.use(cfg, c)
	l.sell("plenty", 1000, 100_000)
	l.sell("scarce", 700, 40)
	for range kills {
		l.run(c)
		c = startChild(t, cfg)
		l.use(cfg, c)
	}
	l.finish(cfg.DataDir)
	c.stop()
	if t.Failed() {
		return
	}
	l.mustHold(cfg)
}

// load places orders at a platform that may vanish.
type load struct {
	t         *testing.T
	addresses platform.Addresses
	customer  string // tokens
	staff     string
	catalogue string

	mu           sync.Mutex
	next         int
	acknowledged map[string]bool // ids
}

func (l *load) use(cfg platform.Config, c *child) {
	l.t.Helper()
	l.addresses = c.addresses
	signer, err := platform.Signer(cfg.DataDir, &c.addresses, cfg.Ports)
	if err != nil {
		l.t.Fatal(err)
	}
	for token, role := range map[*string]string{&l.customer: "customer", &l.staff: "staff", &l.catalogue: "catalogue"} {
		if *token, err = platform.Token(signer, "load", role); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *load) call(service, method, path, token, body string) (answer, error) {
	return call(l.t.Context(), "http://"+l.addresses.ByService[service].REST+path, method, token, body)
}

func (l *load) sell(id string, price, stock int) {
	l.t.Helper()
	body := fmt.Sprintf(`{"productId":%q,"sku":%q,"name":%q,"price":%d,"initialStock":%d}`, id, id, id, price, stock)
	if a, err := l.call("inventory", "POST", "/v1/products", l.catalogue, body); err != nil || a.code != http.StatusCreated {
		l.t.Fatalf("create %s: %d %v, %v", id, a.code, a.body, err)
	}
	poll(l.t, patience, id+" can be ordered", func() bool {
		a, err := l.call("order", "POST", "/v1/orders", l.customer, fmt.Sprintf(`{"userId":"load","expectedTotal":%d,"items":[{"productId":%q,"quantity":1}]}`, price+1, id))
		return err == nil && strings.Contains(fmt.Sprint(a.body), "TOTAL_CHANGED")
	})
}

// body is the n-th order: most are paid; the provider declines some, fails or loses its answer for others.
func body(n int) string {
	tokens := []string{"tok_ok", "tok_ok", "tok_ok", "tok_500_then_ok", "tok_lost_answer", "tok_declined", "tok_capture_lost_answer", "tok_capture_declined"}
	product := "plenty"
	if n%5 == 0 {
		product = "scarce"
	}
	return fmt.Sprintf(`{"userId":"load","paymentToken":%q,"items":[{"productId":%q,"quantity":%d}]}`, tokens[n%len(tokens)], product, 1+n%3)
}

// run places orders until enough are acknowledged, and kills the platform while more are on their way.
func (l *load) run(c *child) {
	l.t.Helper()
	before := len(l.acknowledged)
	var enough sync.Once
	var workers sync.WaitGroup
	for range loadingAtOnce {
		workers.Go(func() {
			for {
				count, err := l.placeOne()
				if err != nil {
					return // the platform has been killed
				}
				if count >= before+ordersARound {
					enough.Do(c.kill)
				}
			}
		})
	}
	workers.Wait()
	if l.t.Failed() {
		l.t.FailNow()
	}
}

// placeOne places the next order and tells how many are acknowledged. The error is that nobody answered.
func (l *load) placeOne() (int, error) {
	l.mu.Lock()
	n := l.next
	l.next++
	l.mu.Unlock()
	a, err := l.call("order", "POST", "/v1/orders", l.customer, body(n))
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.code == http.StatusCreated {
		l.acknowledged[a.body["id"].(string)] = true
	} else if a.code < 500 { // it may be told that the platform is going away
		l.t.Errorf("order %d is refused: %d %v", n, a.code, a.body)
	}
	return len(l.acknowledged), nil
}

// finish waits until every acknowledged order has come to its end, and everything that follows from it is done. When that
// does not happen it says all that is known of the orders at fault.
func (l *load) finish(dataDir string) {
	l.t.Helper()
	started := time.Now()
	for id := range l.acknowledged {
		pollOr(l.t, 2*patience, "order "+id+" is at its end", func() bool {
			a, err := l.call("order", "GET", "/v1/orders/"+id, l.staff, "")
			if err != nil || a.code != http.StatusOK {
				l.t.Fatalf("order %s was acknowledged: %d %v, %v", id, a.code, a.body, err)
			}
			return a.body["status"] == "PAID" || a.body["status"] == "CANCELLED" && a.body["paymentStatus"] != "PROCESSING" && a.body["paymentStatus"] != "COMPLETED"
		}, func() string { return explain(l.t.Context(), dataDir, id) })
	}
	l.t.Logf("the last order came to its end %s after the last start", time.Since(started).Round(time.Millisecond))
	l.rests(dataDir)
	l.t.Logf("all that follows was done %s after the last start", time.Since(started).Round(time.Millisecond))
}

// rests waits until the running platform's own checks find nothing that is still on its way.
func (l *load) rests(dataDir string) {
	l.t.Helper()
	running, err := platform.Open(l.t.Context(), dataDir)
	if err != nil {
		l.t.Fatal(err)
	}
	results, err := check.Quiet(l.t.Context(), running.Services, 2*patience)
	if err := errors.Join(err, running.Close()); err != nil {
		l.t.Fatal(err)
	}
	l.report(dataDir, results)
}

// report says what is broken, and explains the first orders that are named.
func (l *load) report(dataDir string, results []check.Result) {
	l.t.Helper()
	named := map[string]bool{}
	for _, result := range results {
		for _, violation := range result.Violations {
			l.t.Errorf("%s: %s", result.Name, violation)
			if id := orderID.FindString(violation); id != "" && !named[id] && len(named) < 3 {
				named[id] = true
				l.t.Log(explain(l.t.Context(), dataDir, id))
			}
		}
	}
}

var orderID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// mustHold looks at what the stopped platform has on disk: its own databases, the provider's books, what was received.
func (l *load) mustHold(cfg platform.Config) {
	l.t.Helper()
	opened, err := platform.Open(context.Background(), cfg.DataDir)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() {
		if err := opened.Close(); err != nil {
			l.t.Error(err)
		}
	}()
	results, err := check.All(l.t.Context(), opened.Services)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, result := range results {
		for _, violation := range result.Violations {
			l.t.Errorf("%s: %s", result.Name, violation)
		}
	}
	orders, err := order.OrderFacts(l.t.Context(), opened.Services["order"].DB)
	if err != nil {
		l.t.Fatal(err)
	}
	known := map[string]order.OrderFact{}
	paid := 0
	for _, o := range orders {
		known[o.ID] = o
		if o.Status == "PAID" {
			paid++
		}
	}
	for id := range l.acknowledged {
		if _, ok := known[id]; !ok {
			l.t.Errorf("order %s was acknowledged and is lost", id)
		}
	}
	if len(orders) > l.next || paid == 0 || paid == len(orders) {
		l.t.Errorf("%d orders were sent, there are %d, of which %d are paid", l.next, len(orders), paid)
	}
	l.bankAgrees(cfg, known)
	l.receiverAgrees(cfg, known)
	l.t.Logf("%d orders acknowledged, %d stored, %d paid, after %d kills", len(l.acknowledged), len(orders), paid, kills)
}

// bankAgrees: the provider took each paid order's total once, and keeps nothing of the others.
func (l *load) bankAgrees(cfg platform.Config, orders map[string]order.OrderFact) {
	l.t.Helper()
	bank, err := simulator.Start(simulator.Config{DataDir: filepath.Join(cfg.DataDir, "provider"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() {
		if err := bank.Close(); err != nil {
			l.t.Error(err)
		}
	}()
	kept, held, times := map[string]int64{}, map[string]int64{}, map[string]int{}
	for _, p := range bank.Payments() {
		times[p.Reference]++
		kept[p.Reference] += p.AmountCaptured - p.AmountRefunded
		held[p.Reference] += p.Amount - p.AmountCaptured - p.AmountVoided
	}
	for id, n := range times {
		if _, ok := orders[id]; !ok || n > 1 {
			l.t.Errorf("the provider has %d payments of order %s, which is known: %t", n, id, ok)
		}
	}
	for id, o := range orders {
		want := int64(0)
		if o.Status == "PAID" {
			want = o.Total
		}
		if kept[id] != want || held[id] != 0 {
			l.t.Errorf("order %s is %s: the provider keeps %d, and holds %d; want %d and 0", id, o.Status, kept[id], held[id], want)
		}
	}
}

// receiverAgrees: each fact of each order was told by one webhook, whose id was the same when it was sent again.
func (l *load) receiverAgrees(cfg platform.Config, orders map[string]order.OrderFact) {
	l.t.Helper()
	sink, err := webhooksink.Start(webhooksink.Config{DataDir: filepath.Join(cfg.DataDir, "webhooks")})
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() {
		if err := sink.Close(); err != nil {
			l.t.Error(err)
		}
	}()
	told := map[[2]string]map[string]bool{} // order and fact, to the ids of their webhooks
	for _, hook := range sink.All() {
		var said struct {
			Type string
			Data struct{ OrderID string }
		}
		if err := json.Unmarshal([]byte(hook.Body), &said); err != nil {
			l.t.Errorf("webhook %s: %v", hook.Body, err)
			continue
		}
		key := [2]string{said.Data.OrderID, said.Type[strings.LastIndexByte(said.Type, '.')+1:]}
		if told[key] == nil {
			told[key] = map[string]bool{}
		}
		told[key][hook.Header("webhook-id")] = true
	}
	for key, ids := range told {
		if len(ids) != 1 {
			l.t.Errorf("%s of order %s was told by %d webhooks", key[1], key[0], len(ids))
		}
	}
	for id, o := range orders {
		want := "OrderPaid"
		if o.Status == "CANCELLED" {
			want = "OrderCancelled"
		}
		if len(told[[2]string{id, want}]) == 0 {
			l.t.Errorf("order %s is %s, and no webhook told of %s", id, o.Status, want)
		}
	}
}
