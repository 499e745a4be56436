package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/service"
	"orderflow.example/order/app"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
	events "orderflow.example/schemas/orderv1"
)

// command runs the service's command line on the service's database, as an operator does beside the running service.
func (r *rig) command(args ...string) (string, error) {
	r.Helper()
	r.Setenv("DATABASE_URL", r.cfg.DatabaseURL)
	root := service.Program{Spec: app.Spec(), New: func(ctx context.Context, _ []string) (*service.Service, error) { return app.New(ctx, r.cfg) }}.Command()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(r.Context())
	return out.String(), err
}

func (r *rig) commandFails(want string, args ...string) {
	r.Helper()
	if out, err := r.command(args...); err == nil || !strings.Contains(err.Error(), want) {
		r.Errorf("%q: %q, %v; want %q", args, out, err, want)
	}
}

// ids of the rows in a list.
func (r *rig) ids(args ...string) []int64 {
	r.Helper()
	out, err := r.command(append(args, "--json")...)
	if err != nil {
		r.Fatal(err)
	}
	var ids []int64
	for lines := json.NewDecoder(strings.NewReader(out)); lines.More(); {
		var row struct{ ID int64 }
		if err := lines.Decode(&row); err != nil {
			r.Fatal(err)
		}
		ids = append(ids, row.ID)
	}
	return ids
}

// An event of inventory is garbage, and what follows it waits: the operator finds both, drops the first, and the order
// goes on.
func TestOperateParkedMessages(t *testing.T) {
	r := start(t)
	if out, err := r.command("dlq", "list"); err != nil || strings.Count(out, "\n") != 1 {
		t.Errorf("%q, %v", out, err)
	}
	id := r.order("u1").GetId()
	bad := outbox.Row{
		EventID: outbox.NewID(), Topic: schemas.InventoryEvents, Key: id, Sequence: 1, Type: (*inventoryv1.StockReserved)(nil).RecordName(),
		Source: "inventory", Payload: []byte("garbage"), Time: time.Now().UTC(), CorrelationID: id,
	}
	if err := r.Processors[0].Process(t.Context(), []kafka.Record{bad.Record()}); err != nil {
		t.Fatal(err)
	}
	r.said[schemas.InventoryEvents+" "+id] = 1
	r.say(schemas.InventoryEvents, id, &inventoryv1.StockReserved{OrderID: id, ExpiresAt: time.Now().Add(time.Hour).UTC(), OccurredAt: time.Now().UTC()})

	parked := r.ids("dlq", "list")
	if len(parked) != 2 {
		t.Fatalf("parked: %v", parked)
	}
	out, err := r.command("dlq", "list", "--limit", "1")
	if err != nil || strings.Count(out, "\n") != 2 || !strings.Contains(out, "dead") || !strings.Contains(out, "undecodable") || !strings.Contains(out, id) {
		t.Errorf("%q, %v", out, err)
	}
	first, second := fmt.Sprint(parked[0]), fmt.Sprint(parked[1])
	if out, err := r.command("dlq", "show", first); err != nil || !strings.Contains(out, `"undecodable": "avro:`) || !strings.Contains(out, bad.EventID) {
		t.Errorf("%s, %v", out, err)
	}
	var shown struct {
		Reason string
		Event  inventoryv1.StockReserved
	}
	if out, err := r.command("dlq", "show", second); err != nil || json.Unmarshal([]byte(out), &shown) != nil || shown.Reason != "behind" || shown.Event.OrderID != id {
		t.Errorf("%s, %v", out, err)
	}
	r.commandFails("begin with that", "dlq", "discard", second)
	r.commandFails("there is no parked message 999", "dlq", "redrive", "999")
	r.commandFails("there is no parked message 999", "dlq", "show", "999")
	r.commandFails(`"x" is no ID`, "dlq", "redrive", "x")
	r.commandFails(`"0" is no ID`, "dlq", "show", "0")
	if out, err := r.command("dlq", "redrive", first); err != nil || out != first+": done\n" {
		t.Errorf("%q, %v", out, err)
	}
	r.retryParked()
	if again := r.ids("dlq", "list"); len(again) != 2 {
		t.Errorf("still garbage, and parked: %v", again)
	}
	if out, err := r.command("dlq", "discard", first); err != nil || out != first+": done\n" {
		t.Errorf("%q, %v", out, err)
	}
	r.retryParked()
	if left := r.ids("dlq", "list"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	r.asksForMoney(id)
	t.Setenv("DATABASE_URL", "")
	root := service.Program{Spec: app.Spec()}.Command()
	root.SetArgs([]string{"dlq", "list"})
	if err := root.Execute(); err == nil || err.Error() != "DATABASE_URL is required" {
		t.Errorf("without a database: %v", err)
	}
}

// A gap that nobody will fill is closed.
func TestOperateAGap(t *testing.T) {
	r := start(t)
	id := r.order("u1").GetId()
	r.say(schemas.InventoryEvents, id, &inventoryv1.LowStock{ProductID: "p1", OccurredAt: time.Now().UTC()}) // ignored, number 1
	r.said[schemas.InventoryEvents+" "+id] = 2                                                               // number 2 is lost
	r.say(schemas.InventoryEvents, id, &inventoryv1.StockReserved{OrderID: id, ExpiresAt: time.Now().Add(time.Hour).UTC(), OccurredAt: time.Now().UTC()})
	parked := r.ids("dlq", "list")
	if len(parked) != 1 {
		t.Fatalf("parked: %v", parked)
	}
	if _, err := r.command("dlq", "close-gap", fmt.Sprint(parked[0])); err != nil {
		t.Error(err)
	}
	r.retryParked()
	if left := r.ids("dlq", "list"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	r.asksForMoney(id)
}

// asksForMoney: the order has taken note that its stock is reserved.
func (r *rig) asksForMoney(id string) {
	r.Helper()
	log, err := outbox.Log(r.Context(), r.DB, schemas.OrderEvents, id)
	if err != nil || len(log) != 2 || log[1].Type != (*events.PaymentRequested)(nil).RecordName() {
		r.Errorf("the order has not gone on: %+v, %v", log, err)
	}
}

func (r *rig) retryParked() {
	r.Helper()
	if _, err := r.Processors[0].RetryParked(r.Context()); err != nil {
		r.Fatal(err)
	}
}

func TestOperateRefusedEvents(t *testing.T) {
	r := start(t)
	id := r.order("u1").GetId()
	if refused := r.ids("outbox", "list"); len(refused) != 0 {
		t.Fatalf("refused: %v", refused)
	}
	if _, err := r.DB.ExecContext(t.Context(), "UPDATE outbox SET refused = 'Broker: Message size too large' WHERE key = $1", id); err != nil {
		t.Fatal(err)
	}
	out, err := r.command("outbox", "list")
	if err != nil || !strings.Contains(out, id) || !strings.Contains(out, "size too large") {
		t.Errorf("%q, %v", out, err)
	}
	refused := r.ids("outbox", "list")
	if len(refused) != 1 {
		t.Fatalf("refused: %v", refused)
	}
	if out, err := r.command("outbox", "retry", fmt.Sprint(refused[0])); err != nil || !strings.Contains(out, "done") {
		t.Errorf("%q, %v", out, err)
	}
	r.commandFails("is not refused", "outbox", "retry", fmt.Sprint(refused[0]))
	if left := r.ids("outbox", "list"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
