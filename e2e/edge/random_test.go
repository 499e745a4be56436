package edge

import (
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/dev/platform"
	"orderflow.example/kit/server/edgetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	requests = 400 // of each service
	patience = 30 * time.Second
)

// Whatever the services are asked over REST, the answer is whole, tells nothing internal and is no failure of ours. EDGE_SEED=N repeats the
// requests of a failure.
func TestRandomRequests(t *testing.T) {
	seed := rand.Uint64()
	if given := os.Getenv("EDGE_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("EDGE_SEED=%d", seed)
	p, err := platform.Start(t.Context(), platform.Config{DataDir: t.TempDir(), LogLevel: "error", Variables: map[string]string{
		"CLIENT_TIMEOUT": "500ms", "MAX_STREAM_TIME": "100ms",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range platform.Services {
		t.Run(name, func(t *testing.T) {
			addr := p.Addresses.ByService[name].REST
			api := read(t, addr)
			api.Tokens = tokens(t, p)
			random := rand.New(rand.NewPCG(seed, 0))
			for range requests {
				request := api.Random(random)
				text, err := edgetest.Send(addr, request, patience)
				for _, fault := range edgetest.Faults(request, text, err) {
					t.Errorf("%.500s\n%.1000s\n%.500q", fault, request.String(), text)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// read takes the service at its own word.
func read(t *testing.T, addr string) edgetest.API {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	document, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	api, err := edgetest.ReadAPI(document)
	if err != nil || len(api.Routes) == 0 || len(api.Fields) < 5 {
		t.Fatalf("%d routes, %d fields, %v", len(api.Routes), len(api.Fields), err)
	}
	return api
}

func tokens(t *testing.T, p *platform.Platform) []string {
	t.Helper()
	all := make([]string, 0, 2)
	for _, roles := range [][]string{nil, {"staff", "catalogue", "auditor", "service"}} {
		token, err := platform.Token(p.Issuer.Signer, "u"+strconv.Itoa(len(roles)), roles...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, token)
	}
	return all
}
