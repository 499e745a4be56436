package watch_test

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"orderflow.example/kit/errs"
	"orderflow.example/order/internal/watch"
)

// In whatever order events are sent, the set holds those and no others, and its token is the same set again.
func TestSeenIsASet(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		seen, model := watch.NewSeen("o1"), map[string]map[int64]bool{"a": {}, "b": {}}
		for range random.IntN(40) {
			topic, sequence := []string{"a", "b"}[random.IntN(2)], 1+random.Int64N(30)
			seen.Add(topic, sequence)
			model[topic][sequence] = true
		}
		again, err := watch.Parse(seen.Token(), "o1")
		if err != nil {
			t.Fatalf("%s: %v", seen.Token(), err)
		}
		for _, s := range []*watch.Seen{seen, again} {
			if got := s.Size(); got != int64(len(model["a"])+len(model["b"])) {
				t.Errorf("seed %d: %d events", seed, got)
			}
			for topic, sequences := range model {
				through := int64(0)
				for sequence := int64(1); sequence <= 31; sequence++ {
					if s.Has(topic, sequence) != sequences[sequence] {
						t.Errorf("seed %d: %s %d", seed, topic, sequence)
					}
					if through == sequence-1 && sequences[sequence] {
						through = sequence
					}
				}
				if s.Through(topic) != through {
					t.Errorf("seed %d: %s through %d, want %d", seed, topic, s.Through(topic), through)
				}
			}
		}
	}
}

// A life's token fits into a request many times over.
func TestTokenIsShort(t *testing.T) {
	seen := watch.NewSeen("01a20561-2af7-7194-a34a-c8fe6f5512ce")
	for _, topic := range []string{"order.events", "inventory.events", "payment.events"} {
		for sequence := range int64(1000) {
			seen.Add(topic, sequence+1)
		}
	}
	if token := seen.Token(); len(token) > 160 {
		t.Errorf("%d characters: %s", len(token), token)
	}
}

func TestBadTokens(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	good := "o1\na 1-3 5\nb 2"
	if _, err := watch.Parse(encode([]byte(good)), "o1"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ token, says string }{
		{"!", "resumeToken"},
		{encode([]byte(good)) + "=", "resumeToken"},
		{encode([]byte(good)) + "\n", "resumeToken"},
		{encode([]byte("o2\na 1")), "another order"},
		{encode([]byte("o1\na")), "resumeToken"},
		{encode([]byte("o1\na x")), "resumeToken"},
		{encode([]byte("o1\na 1-x")), "resumeToken"},
		{encode([]byte("o1\na 0")), "resumeToken"},
		{encode([]byte("o1\na -1")), "resumeToken"},
		{encode([]byte("o1\na 1-1")), "resumeToken"},
		{encode([]byte("o1\na 3-1")), "resumeToken"},
		{encode([]byte("o1\na 1 2")), "resumeToken"},
		{encode([]byte("o1\na 5 1")), "resumeToken"},
		{encode([]byte("o1\na 01")), "resumeToken"},
		{encode([]byte("o1\na 1\na 3")), "resumeToken"},
		{encode([]byte("o1\nb 1\na 1")), "resumeToken"},
		{encode([]byte("o1\n")), "resumeToken"},
		{encode([]byte("o1\na 9223372036854775807")), "resumeToken"},
		{encode([]byte("o1\na 9999999999999999999999")), "resumeToken"},
	} {
		_, err := watch.Parse(tt.token, "o1")
		shown := errs.From(err)
		if shown == nil || shown.Code != errs.InvalidArgument || len(shown.Fields) != 1 || shown.Fields[0].Name != "resumeToken" || !strings.Contains(shown.Message, tt.says) {
			t.Errorf("%q: %v", tt.token, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("o1\na 1-3 5\nb 2")
	f.Fuzz(func(t *testing.T, text string) {
		token := base64.RawURLEncoding.EncodeToString([]byte(text))
		seen, err := watch.Parse(token, "o1")
		if err == nil && text != "" && seen.Token() != token {
			t.Errorf("%q is read as %q", token, seen.Token())
		}
	})
}
