package avro

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

const placedSubject = "order.events-test.order.v1.OrderPlaced"

func lookUpCodec(t *testing.T, url string, log *slog.Logger) *Codec {
	t.Helper()
	c, err := NewCodec(Config{RegistryURL: url, Log: log}, testTypes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDevelopmentRegisters(t *testing.T) {
	registry := newFakeRegistry(t)
	first := newCodecAt(t, registry.URL())
	if !registry.SubjectExists(placedSubject) {
		t.Fatalf("%s was not registered", placedSubject)
	}
	second := newCodecAt(t, registry.URL()) // a restart finds its schemas, under the same ids
	key := ownKey{topic, "test.order.v1.OrderPlaced"}
	if first.own[key].id != second.own[key].id {
		t.Errorf("id %d became %d", first.own[key].id, second.own[key].id)
	}
}

func TestProductionOnlyLooksUp(t *testing.T) {
	registry := newFakeRegistry(t)
	c := lookUpCodec(t, registry.URL(), nil)
	err := c.Resolve(t.Context(), topic, "test.order.v1.OrderPlaced")
	if err == nil || IsTransient(err) {
		t.Fatalf("error %v, want a permanent one", err)
	}
	for _, want := range []string{placedSubject, "not released", `"name": "order_id"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not have %q", err, want)
		}
	}
	if registry.SubjectExists(placedSubject) {
		t.Error("it registered the schema")
	}

	released := newCodecAt(t, registry.URL()) // the release step
	if err := c.Resolve(t.Context(), topic, "test.order.v1.OrderPlaced"); err != nil {
		t.Fatal(err)
	}
	if _, err := released.Decode(t.Context(), topic, encode(t, c, testEvents()[0])); err != nil {
		t.Error(err)
	}
}

// Another version under the subject is not a stand-in for the one asked for.
func TestLookUpIsByTheSchemaItself(t *testing.T) {
	registry := newFakeRegistry(t)
	if _, _, err := registry.RegisterSchema(placedSubject, sr.Schema{Schema: placedV2Schema}); err != nil {
		t.Fatal(err)
	}
	err := lookUpCodec(t, registry.URL(), nil).Resolve(t.Context(), topic, "test.order.v1.OrderPlaced")
	if err == nil || !strings.Contains(err.Error(), "not released") {
		t.Errorf("error %v", err)
	}
}

func TestResolveFailsAtOnceForGood(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"incompatible": {status(409, `{"error_code":409,"message":"field total was removed"}`), "field total was removed"},
		"invalid":      {status(422, `{"error_code":42201,"message":"unknown type"}`), "unknown type"},
		"credentials":  {status(401, `{"error_code":40101,"message":"no"}`), "credentials"},
		"forbidden":    {status(403, `{"error_code":40301,"message":"no"}`), "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := newFakeRegistry(t)
			registry.answer(test.answer)
			c, err := NewCodec(Config{RegistryURL: registry.URL(), Register: true}, testTypes)
			if err != nil {
				t.Fatal(err)
			}
			err = c.Resolve(t.Context(), topic, "test.order.v1.OrderPlaced")
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), placedSubject) || IsTransient(err) {
				t.Errorf("error %v, want a permanent one with %q and the subject", err, test.want)
			}
			if n := registry.requests.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// logSignal tells of every line.
type logSignal chan string

func (s logSignal) Write(line []byte) (int, error) {
	s <- string(line)
	return len(line), nil
}

func TestResolveWaitsForTheRegistry(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"server error":       status(500, `{"error_code":50001,"message":"store"}`),
		"bad gateway":        status(502, "<html>"),
		"too many requests":  status(429, ""),
		"page of a proxy":    status(404, "<html>not here</html>"),
		"other 404":          status(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`),
		"null":               status(200, "null"),
		"no schema":          status(200, "{}"),
		"not JSON":           status(200, "<html>"),
		"id out of range":    status(200, `{"id":4294967296}`),
		"broken connection":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"strange error code": status(400, `{"error_code":1,"message":"?"}`),
	} {
		t.Run(name, func(t *testing.T) {
			registry := newFakeRegistry(t)
			newCodecAt(t, registry.URL())
			registry.answer(answer)
			lines := make(logSignal)
			c := lookUpCodec(t, registry.URL(), slog.New(slog.NewTextHandler(lines, nil)))
			resolved := make(chan error, 1)
			go func() { resolved <- c.Resolve(t.Context(), topic, "test.order.v1.OrderPlaced") }()
			select {
			case line := <-lines:
				if !strings.Contains(line, placedSubject) {
					t.Errorf("logged %s", line)
				}
			case err := <-resolved:
				t.Fatalf("it did not wait: %v", err)
			}
			registry.recover()
			go func() {
				for range lines { // it may have asked once more before the recovery
				}
			}()
			if err := <-resolved; err != nil {
				t.Error(err)
			}
			close(lines)
		})
	}
}

func TestResolveEndsWithItsContext(t *testing.T) {
	registry := newFakeRegistry(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	registry.answer(func(http.ResponseWriter, *http.Request) { // ends while the registry thinks
		cancel()
		<-release
	})
	err := lookUpCodec(t, registry.URL(), nil).Resolve(ctx, topic, "test.order.v1.OrderPlaced")
	if !errors.Is(err, context.Canceled) || !IsTransient(err) {
		t.Errorf("error %v", err)
	}
}

func TestResolveBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := lookUpCodec(t, "http://registry.invalid", nil)
		c.registry.client = unreachableClient()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := c.Resolve(ctx, topic, "test.order.v1.OrderPlaced")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errUnreachable) {
			t.Errorf("error %v", err)
		}
		if n := attempts.Load(); n < 12 || n > 40 { // 100 ms doubled up to 5 s, less up to a half of each
			t.Errorf("%d attempts in a minute", n)
		}
	})
}

func TestResolveRefusesForeignTypes(t *testing.T) {
	err := newCodec(t).Resolve(t.Context(), topic, "test.order.v1.Other")
	if err == nil || !strings.Contains(err.Error(), "test.order.v1.Other") {
		t.Errorf("error %v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	newItem := func() any { return new(item) }
	for name, test := range map[string]struct {
		cfg   Config
		types []Type
		want  string
	}{
		"no URL":             {Config{}, nil, "not of the form"},
		"no scheme":          {Config{RegistryURL: "localhost:8081"}, nil, "not of the form"},
		"broken URL":         {Config{RegistryURL: "http://user:geheim@[::1"}, nil, "can't be parsed"},
		"other scheme":       {Config{RegistryURL: "kafka://user:geheim@host"}, nil, "not of the form"},
		"user name alone":    {Config{RegistryURL: "http://host", Username: "u"}, nil, "go together"},
		"password alone":     {Config{RegistryURL: "http://host", Password: "geheim"}, nil, "go together"},
		"schema not JSON":    {Config{RegistryURL: "http://host"}, []Type{{Name: "A", Schema: "{", New: newItem}}, "A"},
		"not a record":       {Config{RegistryURL: "http://host"}, []Type{{Name: "A", Schema: `"int"`, New: newItem}}, "not a record"},
		"name of another":    {Config{RegistryURL: "http://host"}, []Type{{Name: "A", Schema: placedSchema, New: newItem}}, "test.order.v1.OrderPlaced"},
		"given twice":        {Config{RegistryURL: "http://host"}, append(testTypes, testTypes...), "twice"},
		"without new":        {Config{RegistryURL: "http://host"}, []Type{{Name: "test.order.v1.OrderPlaced", Schema: placedSchema}}, "no constructor"},
		"record in a record": {Config{RegistryURL: "http://host"}, []Type{{Name: "A", New: newItem, Schema: selfContained}}, "contains itself"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewCodec(test.cfg, test.types)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v shows the password", err)
			}
		})
	}
}

const selfContained = `{"type": "record", "name": "A", "fields": [{"name": "next", "type": ["null", "A"], "default": null}]}`
