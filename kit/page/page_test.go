package page

import (
	"testing"
	"time"

	"orderflow.example/kit/errs"
)

type position struct {
	At time.Time
	ID string
}

func TestTokenHoldsThePosition(t *testing.T) {
	want := position{At: time.UnixMicro(1_700_000_000_000_001).UTC(), ID: "a/b+c"}
	token, err := Token(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Position[position](token)
	if err != nil || *got != want {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestNoTokenIsTheFirstPage(t *testing.T) {
	if got, err := Position[position](""); got != nil || err != nil {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestForeignTokensAreTheClientsError(t *testing.T) {
	for _, token := range []string{"%%%", "bm90IGpzb24", "W10", "eyJvdGhlciI6MX0"} {
		_, err := Position[position](token)
		if e := errs.From(err); err == nil || e.Code != errs.InvalidArgument || e.Fields[0].Name != "pageToken" {
			t.Errorf("%q: got %v", token, err)
		}
	}
}

func TestSize(t *testing.T) {
	for requested, want := range map[int32]int{0: 10, 1: 1, 100: 100, 5000: 100} {
		if got := Size(requested); got != want {
			t.Errorf("Size(%d) = %d, want %d", requested, got, want)
		}
	}
}
