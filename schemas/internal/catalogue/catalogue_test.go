package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderflow.example/schemas"
)

// The committed files are those that the generator makes: else a change of the schemas was not followed by go generate.
func TestTheCatalogueIsUpToDate(t *testing.T) {
	out := t.TempDir()
	if err := run(out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"asyncapi.json", "events.html"} {
		made, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := schemas.Catalogue.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(made) != string(committed) {
			t.Errorf("%s is not what the schemas say: run go generate", name)
		}
	}
}

func TestAsyncAPINamesWhoSendsAndWhoReceives(t *testing.T) {
	text, err := schemas.Catalogue.ReadFile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Operations map[string]struct {
			Action   string
			Messages []map[string]string
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	has := func(operation, action, event string) bool {
		for _, m := range document.Operations[operation].Messages {
			if strings.HasSuffix(m["$ref"], "/"+event) {
				return document.Operations[operation].Action == action
			}
		}
		return false
	}
	for _, e := range schemas.Events() {
		short := e.Name[strings.LastIndex(e.Name, ".")+1:]
		if sent := has(e.Writer+".send."+channelID(e.Topic), "send", short); sent != (e.Emitted != "-") {
			t.Errorf("%s is sent: %t, emitted %q", short, sent, e.Emitted)
		}
		for _, service := range schemas.Services() {
			if received := has(service+".receive."+channelID(e.Topic), "receive", short); received != contains(e.Readers, service) {
				t.Errorf("%s receives %s: %t", service, short, received)
			}
		}
	}
}

// The page works without a network: it has no script, and nothing in it comes from elsewhere.
func TestThePageNeedsNothingElse(t *testing.T) {
	text, err := schemas.Catalogue.ReadFile("events.html")
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?i)<script|<link|<img|url\(|@import|(?:src|href)="(?:[a-z]+:)?//`).Find(text); found != nil {
		t.Errorf("the page has %s", found)
	}
	for _, e := range schemas.Events() {
		if !strings.Contains(string(text), "<code>"+e.Name+"</code>") {
			t.Errorf("the page lacks %s", e.Name)
		}
	}
}

func TestMarksOfPersonalData(t *testing.T) {
	topics, err := collect()
	if err != nil {
		t.Fatal(err)
	}
	marked := map[string]bool{}
	for _, topic := range topics {
		for _, e := range topic.Events {
			for _, f := range e.Fields {
				marked[e.Short+"."+f.Path] = f.Personal || f.Secret
			}
		}
	}
	for path, want := range map[string]bool{
		"OrderPlaced.customer_email": true, "PaymentRequested.payment_token": true, "OrderPlaced.total": false, "OrderPlaced.items[].sku": false,
	} {
		if got, there := marked[path]; !there || got != want {
			t.Errorf("%s: %t (%t), want %t", path, got, there, want)
		}
	}
}

func TestWhatTheGeneratorRefuses(t *testing.T) {
	for _, test := range []struct{ name, fields, want string }{
		{"no key", `{"name":"order_id","type":"string","doc":"The order."}`, "the event's key"},
		{"two keys", `{"name":"order_id","type":"string","doc":"the event's key"},{"name":"sku","type":"string","doc":"the event's key"}`, "of one only"},
		{"no sample", `{"name":"order_id","type":"string","doc":"the event's key"},{"name":"colour","type":"string","doc":"x"}`, `add "colour" to samples`},
		{"sample of another type", `{"name":"order_id","type":"string","doc":"the event's key"},{"name":"total","type":"string","doc":"x"}`, "is no string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := describe(schemas.Event{Type: schemas.Type{Schema: `{"type":"record","name":"X","fields":[` + test.fields + `]}`}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
