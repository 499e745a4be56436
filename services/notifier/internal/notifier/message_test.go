package notifier

import (
	"strings"
	"testing"

	"orderflow.example/schemas/orderv1"
)

func TestEveryFactTypeHasAMessage(t *testing.T) {
	for _, name := range FactTypes() {
		made := orderv1.Events[name]()
		fact, ok := FactOf("id", made)
		if !ok || fact.Type != name {
			t.Fatalf("%s is no fact", name)
		}
		fact.OrderNumber, fact.Currency, fact.Amount = "ORD1", "KRW", 25000
		message, err := Render(fact)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(message.Subject, "ORD1") || !strings.Contains(message.Body, "KRW 25,000") {
			t.Errorf("%s: %+v", name, message)
		}
	}
}

func TestOtherEventsCallForNoMessage(t *testing.T) {
	for name, empty := range orderv1.Events {
		_, ok := FactOf("id", empty())
		wanted := false
		for _, fact := range FactTypes() {
			wanted = wanted || fact == name
		}
		if ok != wanted {
			t.Errorf("%s: a fact = %v, want %v", name, ok, wanted)
		}
	}
}

func TestDataAddsNoHeaderLineAndIsNoTemplate(t *testing.T) {
	message, err := Render(Fact{Type: (*orderv1.OrderPaid)(nil).RecordName(), OrderNumber: "ORD1\r\nBcc: thief@example.com", Name: "{{.Email}}", Email: "secret@example.com", Currency: "KRW"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(message.Subject, "\r\n") {
		t.Errorf("subject %q has line breaks", message.Subject)
	}
	if strings.Contains(message.Body, "secret@example.com") || !strings.Contains(message.Body, "{{.Email}}") {
		t.Errorf("the name was run as a template: %q", message.Body)
	}
}

func TestAnUnknownFactHasNoMessage(t *testing.T) {
	if _, err := Render(Fact{Type: "orderflow.order.v1.OrderPlaced"}); err == nil {
		t.Fatal("no error")
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		minor int64
		code  string
		want  string
	}{
		{25000, "KRW", "KRW 25,000"},
		{1999, "USD", "USD 19.99"},
		{5, "EUR", "EUR 0.05"},
		{-150, "USD", "USD -1.50"},
		{1234567, "JPY", "JPY 1,234,567"},
		{1234, "BHD", "BHD 1.234"},
		{7, "???", "??? 7"},
	} {
		if got := Money(c.minor, c.code); got != c.want {
			t.Errorf("Money(%d, %s) = %q, want %q", c.minor, c.code, got, c.want)
		}
	}
}
