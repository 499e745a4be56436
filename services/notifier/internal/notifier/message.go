package notifier

import (
	"embed"
	"fmt"
	"strings"
	"text/template"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"orderflow.example/schemas/orderv1"
)

// Message is what a person reads.
type Message struct{ Subject, Body string }

//go:embed templates/*.txt
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"money": Money}).ParseFS(templateFiles, "templates/*.txt"))

// templateOf names the template of each fact that calls for a message.
var templateOf = map[string]string{
	(*orderv1.OrderConfirmed)(nil).RecordName(): "order_confirmed.txt",
	(*orderv1.OrderPaid)(nil).RecordName():      "order_paid.txt",
	(*orderv1.OrderCancelled)(nil).RecordName(): "order_cancelled.txt",
	(*orderv1.OrderRefunded)(nil).RecordName():  "order_refunded.txt",
}

// Render writes the message of a fact. The template's first line is the subject.
func Render(fact Fact) (Message, error) {
	name, ok := templateOf[fact.Type]
	if !ok {
		return Message{}, fmt.Errorf("no template for %s", fact.Type)
	}
	var out strings.Builder
	if err := templates.ExecuteTemplate(&out, name, fact); err != nil {
		return Message{}, fmt.Errorf("template %s: %w", name, err)
	}
	subject, body, _ := strings.Cut(out.String(), "\n")
	return Message{Subject: oneLine(subject), Body: strings.TrimLeft(body, "\n")}, nil
}

// oneLine keeps data from adding header lines to a mail.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\r' || r == '\n' }), " ")
}

// Money writes minor units of a currency for people: 25000 KRW is "KRW 25,000", 1999 USD is "USD 19.99". A currency
// that ISO 4217 does not know is written without a decimal point.
func Money(minor int64, code string) string {
	digits := 0
	if unit, err := currency.ParseISO(code); err == nil {
		digits, _ = currency.Standard.Rounding(unit)
	}
	printer := message.NewPrinter(language.English)
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	scale := int64(1)
	for range digits {
		scale *= 10
	}
	if digits == 0 {
		return fmt.Sprintf("%s %s%s", code, sign, printer.Sprintf("%d", minor))
	}
	return fmt.Sprintf("%s %s%s.%0*d", code, sign, printer.Sprintf("%d", minor/scale), digits, minor%scale)
}
