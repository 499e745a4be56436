package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/riferrei/srclient"
	"go.uber.org/goleak"

	"orderflow.example/dev/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type running struct {
	*registry.Registry
	t    *testing.T
	http *http.Client
}

func start(t *testing.T, dir string) *running {
	t.Helper()
	r, err := registry.Start(registry.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	out := &running{r, t, &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(out.stop)
	return out
}

// stop may be called again.
func (r *running) stop() {
	if r.Registry == nil {
		return
	}
	r.http.CloseIdleConnections()
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
	r.Registry = nil
}

// client is a new one, without what an earlier one remembers.
func (r *running) client() *srclient.SchemaRegistryClient {
	return srclient.NewSchemaRegistryClient(r.URL(), srclient.WithClient(r.http))
}

type compatible struct {
	Compatible bool     `json:"is_compatible"`
	Messages   []string `json:"messages"`
}

func (r *running) post(t *testing.T, path, schema string) compatible {
	t.Helper()
	body, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		t.Fatal(err)
	}
	status, raw := r.do(t, "POST", path, string(body))
	var out compatible
	if err := json.Unmarshal(raw, &out); err != nil || status != 200 {
		t.Fatalf("%s answered %d %s", path, status, raw)
	}
	return out
}

func (r *running) do(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, r.URL()+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(raw) || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/vnd.schemaregistry") {
		t.Errorf("%s %s answered what is not the registry's JSON: %s", method, path, raw)
	}
	return resp.StatusCode, raw
}

func register(t *testing.T, client *srclient.SchemaRegistryClient, subject, text string) *srclient.Schema {
	t.Helper()
	schema, err := client.CreateSchema(subject, text, srclient.Avro)
	if err != nil {
		t.Fatalf("registering under %s: %v", subject, err)
	}
	return schema
}

func expectRefusal(t *testing.T, err error, code int, message string) {
	t.Helper()
	var refusal srclient.Error
	if !errors.As(err, &refusal) || refusal.Code != code || !strings.Contains(refusal.Message, message) {
		t.Fatalf("error %#v, want %d %q", err, code, message)
	}
}

func TestRegisterAndRead(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.client()
	first := register(t, client, "orders-Fact", recordOf(id))
	second := register(t, client, "orders-Fact", recordOf(id+","+noteOrNo))
	elsewhere := register(t, client, "copies-Fact", recordOf(id))
	if first.ID() != 1 || second.ID() != 2 || elsewhere.ID() != first.ID() {
		t.Fatalf("ids %d %d %d", first.ID(), second.ID(), elsewhere.ID())
	}
	reordered := `{ "name":"Fact", "fields":[{"type":"string","name":"id"}], "namespace":"shop.v1", "type":"record" }`
	if again := register(t, r.client(), "orders-Fact", reordered); again.ID() != first.ID() {
		t.Fatalf("the same schema with other white space got id %d", again.ID())
	}

	client = r.client()
	byID, err := client.GetSchema(2)
	if err != nil || byID.Schema() != recordOf(id+","+noteOrNo) {
		t.Fatalf("by id: %v %v", byID, err)
	}
	latest, err := client.GetLatestSchema("orders-Fact")
	if err != nil || latest.ID() != 2 || latest.Version() != 2 {
		t.Fatalf("latest: %+v %v", latest, err)
	}
	if one, err := client.GetSchemaByVersion("orders-Fact", 1); err != nil || one.ID() != 1 || one.Schema() != recordOf(id) {
		t.Fatalf("version 1: %+v %v", one, err)
	}
	if found, err := client.LookupSchema("orders-Fact", recordOf(id), srclient.Avro); err != nil || found.ID() != 1 || found.Version() != 1 {
		t.Fatalf("lookup: %+v %v", found, err)
	}
	if versions, err := client.GetSchemaVersions("orders-Fact"); err != nil || !slices.Equal(versions, []int{1, 2}) {
		t.Fatalf("versions: %v %v", versions, err)
	}
	if names, err := client.GetSubjects(); err != nil || !slices.Equal(names, []string{"copies-Fact", "orders-Fact"}) {
		t.Fatalf("subjects: %v %v", names, err)
	}
	uses, err := client.GetSubjectVersionsById(1)
	if err != nil || len(uses) != 2 || uses[1].Subject != "orders-Fact" || uses[1].Version != 1 {
		t.Fatalf("uses: %+v %v", uses, err)
	}
	for path, want := range map[string]string{
		"/schemas/ids/1/schema":                        recordOf(id),
		"/schemas/ids/1/subjects":                      `["copies-Fact","orders-Fact"]`,
		"/schemas/types":                               `["AVRO"]`,
		"/subjects/orders-Fact/versions/latest/schema": recordOf(id + "," + noteOrNo),
		"/subjects/orders-Fact/versions/-1":            `{"subject":"orders-Fact","version":2,"id":2,"schema":` + quoted(recordOf(id+","+noteOrNo)) + `}`,
		"/":                                            `{}`,
	} {
		if status, raw := r.do(t, "GET", path, ""); status != 200 || string(raw) != want {
			t.Errorf("%s answered %d %s, want %s", path, status, raw, want)
		}
	}
}

func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func TestRefusals(t *testing.T) {
	r := start(t, t.TempDir())
	register(t, r.client(), "known", recordOf(id))
	other := `{"schema":` + quoted(recordOf(note)) + `}`
	for _, c := range []struct {
		method, path, body string
		status, code       int
	}{
		{"GET", "/schemas/ids/7", "", 404, 40403},
		{"GET", "/schemas/ids/x", "", 404, 404},
		{"GET", "/schemas/ids/7/versions", "", 404, 40403},
		{"GET", "/subjects/none/versions", "", 404, 40401},
		{"GET", "/subjects/none/versions/latest", "", 404, 40401},
		{"GET", "/subjects/known/versions/2", "", 404, 40402},
		{"GET", "/subjects/known/versions/0", "", 422, 42202},
		{"GET", "/subjects/known/versions/first/schema", "", 422, 42202},
		{"POST", "/subjects/none", other, 404, 40401},
		{"POST", "/subjects/known", other, 404, 40403},
		{"POST", "/subjects/known/versions", `{`, 400, 400},
		{"POST", "/subjects/known/versions", `{"schema":"` + strings.Repeat(" ", 1<<20) + `"}`, 413, 413},
		{"POST", "/subjects/known/versions", `{"schema":"syntax = \"proto3\";","schemaType":"PROTOBUF"}`, 422, 422},
		{"POST", "/subjects/known/versions", `{"schema":"\"string\"","references":[{"name":"a","subject":"b","version":1}]}`, 422, 422},
		{"POST", "/compatibility/subjects/known/versions/2", other, 404, 40402},
		{"POST", "/compatibility/subjects/none/versions/1", other, 404, 40401},
		{"GET", "/config/known", "", 404, 40408},
		{"PUT", "/config", `{"compatibility":"SOME"}`, 422, 42203},
		{"DELETE", "/config/known", "", 404, 40401},
		{"GET", "/mode/known", "", 404, 40409},
		{"PUT", "/mode", `{"mode":"IMPORT"}`, 422, 42204},
		{"DELETE", "/mode/known", "", 404, 40401},
		{"DELETE", "/subjects/known", "", 405, 405},
		{"GET", "/exporters", "", 404, 404},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			status, raw := r.do(t, c.method, c.path, c.body)
			var body struct {
				Code    int    `json:"error_code"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal(raw, &body); err != nil || status != c.status || body.Code != c.code || body.Message == "" {
				t.Fatalf("answered %d %s, want %d with code %d", status, raw, c.status, c.code)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.client()
	if level, err := client.GetGlobalCompatibilityLevel(); err != nil || *level != srclient.FullTransitive {
		t.Fatalf("level %v %v", level, err)
	}
	if status, raw := r.do(t, "PUT", "/config", `{"compatibility":"BACKWARD"}`); status != 200 || string(raw) != `{"compatibility":"BACKWARD"}` {
		t.Fatalf("answered %d %s", status, raw)
	}
	if level, err := client.GetCompatibilityLevel("any", true); err != nil || *level != srclient.Backward {
		t.Fatalf("level %v %v", level, err)
	}
	if _, err := client.ChangeSubjectCompatibilityLevel("any", srclient.None); err != nil {
		t.Fatal(err)
	}
	if level, err := client.GetCompatibilityLevel("any", false); err != nil || *level != srclient.None {
		t.Fatalf("level %v %v", level, err)
	}
	r.do(t, "DELETE", "/config/any", "")
	if level, err := client.GetCompatibilityLevel("any", true); err != nil || *level != srclient.Backward {
		t.Fatalf("level %v %v", level, err)
	}

	first := register(t, client, "orders", recordOf(id))
	if status, raw := r.do(t, "PUT", "/mode/orders", `{"mode":"READONLY"}`); status != 200 {
		t.Fatalf("answered %d %s", status, raw)
	}
	_, err := r.client().CreateSchema("orders", recordOf(id+","+noteOrNo), srclient.Avro)
	expectRefusal(t, err, 42205, "read-only")
	if again := register(t, r.client(), "orders", recordOf(id)); again.ID() != first.ID() {
		t.Fatal("what is registered must stay so in read-only mode")
	}
	r.do(t, "DELETE", "/mode/orders", "")
	register(t, r.client(), "orders", recordOf(id+","+noteOrNo))
}

func TestEverythingSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	client := r.client()
	register(t, client, "a", recordOf(id))
	register(t, client, "b", recordOf(enumOf(`"A"`, "A")))
	register(t, client, "a", recordOf(id+","+noteOrNo))
	if _, err := client.ChangeSubjectCompatibilityLevel("b", srclient.Forward); err != nil {
		t.Fatal(err)
	}
	r.do(t, "PUT", "/mode/b", `{"mode":"READONLY"}`)
	killed := t.TempDir() // what kill -9 would leave at this point
	journal, err := os.ReadFile(filepath.Join(dir, "registry.journal"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, "registry.journal"), journal, 0o600); err != nil {
		t.Fatal(err)
	}
	r.stop()

	for _, dir := range []string{dir, killed} {
		r := start(t, dir)
		client := r.client()
		for subject, want := range map[string]int{"a": 3, "b": 2} {
			if latest, err := client.GetLatestSchema(subject); err != nil || latest.ID() != want {
				t.Fatalf("latest of %s: %+v %v, want id %d", subject, latest, err, want)
			}
		}
		if versions, err := client.GetSchemaVersions("a"); err != nil || !slices.Equal(versions, []int{1, 2}) {
			t.Fatalf("versions %v %v", versions, err)
		}
		if level, err := client.GetCompatibilityLevel("b", false); err != nil || *level != srclient.Forward {
			t.Fatalf("level %v %v", level, err)
		}
		_, err := client.CreateSchema("b", recordOf(enumOf(`"A","B"`, "A")), srclient.Avro)
		expectRefusal(t, err, 42205, "read-only")
		_, err = client.CreateSchema("a", recordOf(id+","+note), srclient.Avro)
		expectRefusal(t, err, 409, "version 1")
		if next := register(t, client, "c", recordOf(note)); next.ID() != 4 {
			t.Fatalf("the next id is %d", next.ID())
		}
	}
}

func TestStartErrorsNameTheCulprit(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, taken)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  registry.Config
		want string
	}{
		"port in use":     {registry.Config{Addr: taken.Addr().String(), DataDir: t.TempDir()}, taken.Addr().String()},
		"not a directory": {registry.Config{DataDir: filepath.Join(file, "sub")}, file},
		"none given":      {registry.Config{}, "DataDir"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := registry.Start(c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q does not name %s in one line", err, c.want)
			}
		})
	}
}

// closeAtEnd closes what a test holds.
func closeAtEnd(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
