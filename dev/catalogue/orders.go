package catalogue

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ReadOrders reads one JSON object per line; empty lines are passed over. Errors name the line and the field.
func ReadOrders(r io.Reader) ([]Order, error) {
	reader := bufio.NewReader(withoutMark(r))
	var orders []Order
	for line := 1; ; line++ {
		text, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("orders: line %d: %w", line, err)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			order, err := parseOrder(text)
			if err != nil {
				return nil, fmt.Errorf("orders: line %d: %w", line, err)
			}
			orders = append(orders, order)
		}
		if err != nil {
			break
		}
	}
	if len(orders) == 0 {
		return nil, errors.New("orders: line 1: there is no order")
	}
	return orders, nil
}

func parseOrder(text []byte) (Order, error) {
	var order Order
	if !utf8.Valid(text) {
		return order, errors.New("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return order, fmt.Errorf("%s: it can't be a %s", wrongType.Field, wrongType.Value)
		}
		return order, errors.New(strings.TrimPrefix(err.Error(), "json: ")) // names an unknown field
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return order, errors.New("there is something after the JSON object")
	}
	return order, order.check()
}

// check applies the rules that need no server: those of the request's fields.
func (o Order) check() error {
	for _, f := range []struct {
		name, value string
		low, high   int
	}{
		{"userId", o.UserID, 1, 255}, {"paymentToken", o.PaymentToken, 0, 255},
		{"shippingAddress", o.ShippingAddress, 0, 500}, {"billingAddress", o.BillingAddress, 0, 500}, {"notes", o.Notes, 0, 1000},
	} {
		if n := utf8.RuneCountInString(f.value); n < f.low || n > f.high {
			return fmt.Errorf("%s: it has %d characters, not %d to %d", f.name, n, f.low, f.high)
		}
	}
	if len(o.Items) < 1 || len(o.Items) > 50 {
		return fmt.Errorf("items: there are %d, not 1 to 50", len(o.Items))
	}
	for i, item := range o.Items {
		if !productID.MatchString(item.ProductID) {
			return fmt.Errorf("items[%d].productId: %q is not 1 to 64 letters, digits, underscores and hyphens", i, item.ProductID)
		}
		if item.Quantity < 1 || item.Quantity > 1000 {
			return fmt.Errorf("items[%d].quantity: %d is not 1 to 1000", i, item.Quantity)
		}
	}
	switch o.CancelAfter {
	case "", CancelAfterPlaced, CancelAfterPaid:
		return nil
	default:
		return fmt.Errorf("cancelAfter: %q is neither %q nor %q", o.CancelAfter, CancelAfterPlaced, CancelAfterPaid)
	}
}

// WriteOrders writes what ReadOrders reads.
func WriteOrders(w io.Writer, orders []Order) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, o := range orders {
		if err := encoder.Encode(o); err != nil {
			return err
		}
	}
	return nil
}

// withoutMark skips the byte order mark that spreadsheets put before UTF-8.
func withoutMark(r io.Reader) io.Reader {
	reader := bufio.NewReader(r)
	if mark, err := reader.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = reader.Discard(3) // they were just seen
	}
	return reader
}
