package access

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// atOnce bounds the calls under way. Tokens with unknown keys wait for their turn at the issuer: together they wait once.
const atOnce = 64

// cell is one call of the matrix and what must become of it.
type cell struct {
	rpc     rpc
	over    transport
	who     string
	headers []string
	request proto.Message
	want    codes.Code
	// missing is the same request for a row that is not there; nil: not compared.
	missing proto.Message
	// sees is what the answer must hold, hides what it must not, beside ada's secrets.
	sees, hides string
	own         bool // the caller may see ada's rows
}

func (c cell) String() string { return c.rpc.short() + " over " + c.over.name() + ", " + c.who }

// Every RPC, with every kind of token, over both transports.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	t.Run("coverage", w.testCoverage)
	before := w.state(t)
	t.Run("bad tokens", func(t *testing.T) { w.run(t, w.badTokens()) })
	t.Run("others", func(t *testing.T) { w.run(t, w.others()) })
	t.Run("page tokens", func(t *testing.T) { w.run(t, w.pageTokens(t)) })
	t.Run("resume tokens", func(t *testing.T) { w.run(t, w.resumeTokens(t)) })
	t.Run("filters", func(t *testing.T) { w.run(t, w.filters()) })
	t.Run("public routes", w.testPublicRoutes)
	if after := w.state(t); !slices.Equal(before, after) {
		for i := range min(len(before), len(after)) {
			if before[i] != after[i] {
				t.Errorf("refused calls have changed something:\n%s\n%s", before[i], after[i])
			}
		}
	}
	t.Run("those who may", func(t *testing.T) { w.run(t, w.allowed()) })
	t.Run("keys", w.testKeys)
	t.Run("watching", w.testWatching)
	t.Run("public paths", w.testPublicPaths)
}

// badTokens are the calls that must fail whatever they ask for.
func (w *world) badTokens() (cells []cell) {
	credentials := w.bad()
	for _, r := range rpcs() {
		request := w.requestFor(r, w.ada, true)
		want := codes.Unauthenticated
		if r.rule.Public {
			want = codes.OK
		}
		for _, over := range w.transports {
			for name, headers := range credentials {
				cells = append(cells, cell{rpc: r, over: over, who: name, headers: headers, request: request, want: want})
				if len(r.bindings) > 1 { // the path that names nothing
					cells = append(cells, cell{rpc: r, over: over, who: name, headers: headers, request: newMessage(w.T, r.Input()), want: want})
				}
			}
		}
	}
	return cells
}

// others are good tokens of people who are not ada, and do not have the role.
func (w *world) others() (cells []cell) {
	missing := things{
		user: "nobody", order: "0192f000-0000-7000-8000-00000000dead", number: "ORD20200101000000DEADBEEF", product: "nothing",
		payment: "0192f000-0000-7000-8000-00000000dea1", notification: "0192f000-0000-7000-8000-00000000dea2",
	}
	callers := map[string][]string{
		"another customer":                      bearer(w.token(bob)),
		"another customer, forged headers":      append(bearer(w.token(bob)), w.forged(w.token(ada, roles...))...),
		"another customer, a stale version":     append(bearer(w.token(bob)), "If-Match", `"1"`),
		"a role in another case":                bearer(w.token(bob, "Staff", "SERVICE", "customer")),
		"a role that nobody knows":              bearer(w.token(bob, "admin", "root", "*", "staff,service", "")),
		"the owner's name as another's subject": bearer(w.token(ada + " ")),
	}
	for _, r := range rpcs() {
		for _, over := range w.transports {
			add := func(who, role string, headers []string) {
				c := cell{rpc: r, over: over, who: who, headers: headers, want: r.expected(role)}
				if slices.Contains(r.rule.Roles, role) && role != customer || r.rule.Public {
					return // they may
				}
				c.request = w.requestFor(r, w.ada, true)
				if c.want == codes.NotFound {
					c.missing = w.requestFor(r, missing, true)
				}
				if c.want == codes.OK && specials[r.short()].prepare != nil {
					return
				}
				if r.short() == "OrderService.GetOrderSummary" && strings.HasPrefix(who, "another customer") {
					c.sees = bobsRevenue // whomever they name
				}
				cells = append(cells, c)
			}
			for who, headers := range callers {
				add(who, customer, headers)
			}
			for _, role := range roles[1:] {
				add(role, role, bearer(w.token("of-"+role, role)))
			}
			if r.owned() && !r.namesRow() && r.expected(customer) == codes.OK {
				own := cell{rpc: r, over: over, who: "another customer, no filter", headers: callers["another customer"], request: newMessage(w.T, r.Input())}
				if own.sees = w.bob.order; r.short() == "OrderService.GetOrderSummary" {
					own.sees = bobsRevenue
				}
				cells = append(cells, own)
			}
		}
	}
	return cells
}

// pageTokens are ada's, and an auditor's, in another customer's hands.
func (w *world) pageTokens(t *testing.T) (cells []cell) {
	for _, r := range rpcs() {
		if !r.pages() {
			continue
		}
		for who, token := range map[string]string{"ada": w.token(ada), "an auditor": w.token("of-auditor", "auditor")} {
			request := newMessage(w.T, r.Input())
			fields := request.ProtoReflect().Descriptor().Fields()
			size := fields.ByName("page_size")
			request.ProtoReflect().Set(size, valueOfInt32(1))
			first, err := w.transports[0].call(t.Context(), r, request, bearer(token)...)
			if err != nil {
				t.Fatal(err)
			}
			next := nextPage(first.message)
			if r.owned() && next == "" {
				t.Errorf("%s: %s has no second page", r.short(), who)
			}
			if next == "" {
				continue
			}
			request.ProtoReflect().Set(fields.ByName("page_token"), valueOfString(next))
			want := codes.InvalidArgument
			if !r.owned() {
				want = r.expected(customer)
			}
			for _, over := range w.transports {
				cells = append(cells, cell{rpc: r, over: over, who: "page token of " + who, headers: bearer(w.token(bob)), request: request, want: want})
			}
		}
	}
	return cells
}

// allowed are the calls of those who may, so that the cells above are refused for their token and for nothing else.
func (w *world) allowed() (cells []cell) {
	for _, r := range rpcs() {
		for _, over := range w.transports {
			add := func(who string, headers []string) {
				th := w.ada
				if prepare := specials[r.short()].prepare; prepare != nil {
					th = prepare(w)
				}
				cells = append(cells, cell{rpc: r, over: over, who: who, headers: headers, request: w.requestFor(r, th, !r.namesRow()), own: true, sees: specials[r.short()].sees})
			}
			for _, role := range r.rule.Roles {
				if role == customer {
					add("ada herself", bearer(w.token(ada)))
					continue
				}
				add("the role "+role, bearer(w.token("of-"+role, role)))
			}
		}
	}
	return cells
}

// run makes the calls and judges the answers.
func (w *world) run(t *testing.T, cells []cell) {
	t.Helper()
	if len(cells) == 0 {
		t.Fatal("no cells")
	}
	var judged atomic.Int64
	var calls errgroup.Group
	calls.SetLimit(atOnce)
	for _, c := range cells {
		calls.Go(func() error {
			got, err := c.over.call(t.Context(), c.rpc, c.request, c.headers...)
			if err != nil {
				t.Errorf("%s: %v", c, err)
				return nil
			}
			w.judge(t, c, got)
			judged.Add(1)
			return nil
		})
	}
	_ = calls.Wait() // no call returns an error
	t.Logf("%d cells", judged.Load())
}

func (w *world) judge(t *testing.T, c cell, got answer) {
	t.Helper()
	if want := c.over.code(c.want, c.rpc); got.code != want {
		t.Errorf("%s: %d, want %d: %s", c, got.code, want, got.message)
		return
	}
	if c.sees != "" && !strings.Contains(got.message, c.sees) {
		t.Errorf("%s: the answer lacks %s: %s", c, c.sees, got.message)
	}
	if c.hides != "" && strings.Contains(got.message, c.hides) {
		t.Errorf("%s: the answer has %s: %s", c, c.hides, got.message)
	}
	if c.own {
		return
	}
	asked := protojson.Format(c.request)
	for _, secret := range w.secrets {
		if strings.Contains(strings.ToLower(got.text), strings.ToLower(secret)) && !strings.Contains(asked, secret) {
			t.Errorf("%s: the answer tells %q: %s", c, secret, got.text)
		}
	}
	if c.want == codes.OK && c.rpc.owned() && strings.Contains(got.message, w.ada.order) {
		t.Errorf("%s: the answer has ada's row: %s", c, got.message)
	}
	if c.missing != nil {
		w.likeMissing(t, c, got)
	}
}

// likeMissing compares the answer with the one for a row that is not there, headers included.
func (w *world) likeMissing(t *testing.T, c cell, got answer) {
	t.Helper()
	absent, err := c.over.call(t.Context(), c.rpc, c.missing, c.headers...)
	if err != nil {
		t.Errorf("%s: %v", c, err)
		return
	}
	if here, there := got.without(names(c.request)...), absent.without(names(c.missing)...); got.code != absent.code || here != there {
		t.Errorf("%s: another's row can be told from none:\n%s\n%s", c, here, there)
	}
}

// state is what refused calls must leave as it was.
func (w *world) state(t *testing.T) (all []string) {
	t.Helper()
	staff := w.as("s", "staff")
	for _, id := range []string{w.ada.order, w.bob.order} {
		o, err := w.orders.GetOrder(staff, &orderv1.GetOrderRequest{OrderId: id})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.GetEtag()+" "+o.GetNotes()+" "+o.GetStatus().String())
	}
	auditor := bearer(w.token("of-auditor", "auditor"))
	for _, r := range rpcs() {
		if !r.pages() {
			continue
		}
		listed, err := w.transports[0].call(t.Context(), r, newMessage(w.T, r.Input()), auditor...)
		if err != nil || listed.code != 0 {
			t.Fatalf("%s: %v %s", r.short(), err, listed.message)
		}
		all = append(all, strings.Join(strings.Fields(listed.message), ""))
	}
	return all
}
