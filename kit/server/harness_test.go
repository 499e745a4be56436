package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
	"orderflow.example/kit/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server that runs.
type rig struct {
	*server.Server
	t       testing.TB
	service *shelves
	issuer  *authtest.Issuer
	log     *lockedBuffer
	http    string // base URLs and address
	admin   string
	grpc    string
	stop    func() error // ends Run and returns its result
	client  *http.Client

	grpcConn *grpc.ClientConn
}

func loopback() server.Config {
	return server.Config{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0"}
}

func options(t testing.TB, issuer *authtest.Issuer, service *shelves, log io.Writer) server.Options {
	t.Helper()
	tel, err := telemetry.New("shelves", "v1.2.3", telemetry.Config{Output: log})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.NewVerifier(issuer.Config(), tel.Log)
	if err != nil {
		t.Fatal(err)
	}
	return server.Options{
		Service: "shelves", Version: "v1.2.3", Environment: "test",
		Log: tel.Log, Metrics: tel.Metrics, Tracer: tel.Tracer, Verifier: verifier, Rules: rules,
		Register: func(r grpc.ServiceRegistrar) { testpb.RegisterShelfServiceServer(r, service) },
		Gateway: []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
			testpb.RegisterShelfServiceHandler,
		},
		OpenAPI: []byte(`{"openapi":"3.0.0"}`),
		Created: []string{testpb.ShelfService_CreateShelf_FullMethodName},
	}
}

// start runs a server until the test ends; change alters its configuration.
func start(t testing.TB, change ...func(*server.Config)) *rig {
	t.Helper()
	return startOpts(t, func(cfg *server.Config) {
		for _, c := range change {
			c(cfg)
		}
	}, func(*server.Options) {})
}

func startOpts(t testing.TB, change func(*server.Config), changeOpts func(*server.Options)) *rig {
	t.Helper()
	cfg := loopback()
	if change != nil {
		change(&cfg)
	}
	r := &rig{
		t:       t,
		service: &shelves{entered: make(chan struct{}, 10), release: make(chan struct{})},
		issuer:  authtest.NewIssuer(t),
		log:     &lockedBuffer{},
		client:  &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second},
	}
	opts := options(t, r.issuer, r.service, r.log)
	changeOpts(&opts)
	var err error
	if r.Server, err = server.Listen(cfg, opts); err != nil {
		t.Fatal(err)
	}
	restAddr, grpcAddr, adminAddr := r.Addrs()
	r.http, r.grpc, r.admin = "http://"+restAddr, grpcAddr, "http://"+adminAddr
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		_ = r.stop() // a test that cares has asked before
	})
	return r
}

// answer is what a REST request got.
type answer struct {
	StatusCode int
	Header     http.Header
}

// request sends a REST request; headers are pairs. The body of the answer is returned whole.
func (r *rig) request(method, path, body string, headers ...string) (answer, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.http+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return r.do(req)
}

func (r *rig) do(req *http.Request) (answer, string) {
	r.t.Helper()
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header}, string(text)
}

// get asks the admin port.
func (r *rig) get(path string) (status int, body string) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.admin+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, text := r.do(req)
	return resp.StatusCode, text
}

func (r *rig) bearer(roles ...string) string { return "Bearer " + r.issuer.Token("u1", roles...) }

// dial connects over gRPC with a token, or without one when it is "".
func (r *rig) dial(bearer string) (testpb.ShelfServiceClient, context.Context) {
	r.t.Helper()
	ctx := context.Background()
	if bearer != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", bearer)
	}
	return testpb.NewShelfServiceClient(r.conn()), ctx
}

// conn is the one gRPC connection of the test.
func (r *rig) conn() *grpc.ClientConn {
	r.t.Helper()
	if r.grpcConn != nil {
		return r.grpcConn
	}
	conn, err := grpc.NewClient(r.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		r.t.Fatal(err)
	}
	r.grpcConn = conn
	r.t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return conn
}

// restError is an error as REST shows it.
type restError struct {
	Error struct {
		Code    int
		Status  string
		Message string
		Details []struct {
			Type            string `json:"@type"`
			Reason          string
			Domain          string
			Metadata        map[string]string
			RetryDelay      string
			RequestID       string
			FieldViolations []struct{ Field, Description, Reason string }
		}
	}
}

func parseError(t testing.TB, body string) restError {
	t.Helper()
	var e restError
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return e
}

// fields lists the violations as "field RULE".
func (e restError) fields() []string {
	var out []string
	for _, d := range e.Error.Details {
		for _, v := range d.FieldViolations {
			out = append(out, v.Field+" "+v.Reason)
		}
	}
	return out
}

func (e restError) reason() string {
	for _, d := range e.Error.Details {
		if d.Type == "type.googleapis.com/google.rpc.ErrorInfo" && d.Domain == errs.Domain {
			return d.Reason
		}
	}
	return ""
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// lines are the log lines with a message.
func (b *lockedBuffer) lines(t testing.TB, message string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, text := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if line[slog.MessageKey] == message {
			out = append(out, line)
		}
	}
	return out
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
