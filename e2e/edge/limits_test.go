package edge

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	inventory "orderflow.example/inventory/app"
	notifier "orderflow.example/notifier/app"
	order "orderflow.example/order/app"
	payment "orderflow.example/payment/app"
)

// noLimits are numbers and times that bound nothing a caller or an operator could run into.
var noLimits = []string{"TLS_RELOAD_EVERY", "SAGA_TICK", "EXPIRY_TICK", "KAFKA_PARTITIONS", "KAFKA_REPLICATION"}

// Every number and every time that a service reads is a row of the table of limits, with its default, and the table has no other variable.
func TestTableOfLimits(t *testing.T) {
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // variable to default
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 6 && strings.HasPrefix(strings.TrimSpace(cells[2]), "`") {
			rows[strings.Trim(strings.TrimSpace(cells[2]), "`")] = cells[3]
		}
	}
	known := map[string]bool{}
	for _, config := range []reflect.Type{reflect.TypeFor[order.Config](), reflect.TypeFor[inventory.Config](), reflect.TypeFor[payment.Config](), reflect.TypeFor[notifier.Config]()} {
		walk(config, func(variable, value string) {
			known[variable] = true
			if slices.Contains(noLimits, variable) {
				return
			}
			row, ok := rows[variable]
			words := strings.FieldsFunc(row, func(r rune) bool { return r == ' ' || r == ',' })
			switch {
			case !ok:
				t.Errorf("docs/limits.md has no row for %s", variable)
			case value != "" && !slices.Contains(words, value):
				t.Errorf("docs/limits.md: the default of %s is %s, not %s", variable, value, row)
			}
		})
	}
	for variable := range rows {
		if !known[variable] {
			t.Errorf("docs/limits.md has a row for %s, which no service reads", variable)
		}
	}
	if len(known) < 20 {
		t.Errorf("%d variables: the test does not see them", len(known))
	}
}

// walk calls back for each number and time of a configuration.
func walk(config reflect.Type, each func(variable, value string)) {
	for i := range config.NumField() {
		f := config.Field(i)
		if f.Type.Kind() == reflect.Struct {
			walk(f.Type, each)
			continue
		}
		variable, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		number := f.Type.Kind() >= reflect.Int && f.Type.Kind() <= reflect.Float64 || f.Type == reflect.TypeFor[time.Duration]()
		if number && variable != "" && variable != "-" {
			each(variable, f.Tag.Get("envDefault"))
		}
	}
}
