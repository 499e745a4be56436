package catalogue

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	productColumns = []string{"id", "sku", "name", "price", "currency", "stock", "low_stock_threshold"}

	productID    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	productSKU   = regexp.MustCompile(`^[!-~]{1,64}$`)
	currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)
)

const (
	maxPrice = 1_000_000_000_000
	maxStock = 1_000_000_000
)

// ReadProducts reads a CSV file with a header line that names the columns id, sku, name, price, currency, stock and
// low_stock_threshold, in any order. Errors name the line and the field.
func ReadProducts(r io.Reader) ([]Product, error) {
	reader := csv.NewReader(withoutMark(r))
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("products: line 1: the header is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("products: %w", err)
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	var products []Product
	lineOf := map[string]int{}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("products: %w", err) // says "record on line N: ..." by itself
		}
		line, _ := reader.FieldPos(0)
		p, err := parseProduct(header, record)
		if err != nil {
			return nil, fmt.Errorf("products: line %d: %w", line, err)
		}
		for field, value := range map[string]string{"id": p.ID, "sku": p.SKU} {
			if earlier, taken := lineOf[field+value]; taken {
				return nil, fmt.Errorf("products: line %d: %s: %q is on line %d already", line, field, value, earlier)
			}
			lineOf[field+value] = line
		}
		products = append(products, p)
	}
	if len(products) == 0 {
		return nil, errors.New("products: line 2: there is no product")
	}
	return products, nil
}

func checkHeader(header []string) error {
	for i, name := range header {
		if !slices.Contains(productColumns, name) {
			return fmt.Errorf("products: line 1: unknown column %q; known are %s", name, strings.Join(productColumns, ", "))
		}
		if slices.Contains(header[:i], name) {
			return fmt.Errorf("products: line 1: the column %q is there twice", name)
		}
	}
	for _, name := range productColumns {
		if !slices.Contains(header, name) {
			return fmt.Errorf("products: line 1: the column %q is missing", name)
		}
	}
	return nil
}

func parseProduct(header, record []string) (Product, error) {
	field := map[string]string{}
	for i, name := range header {
		field[name] = record[i]
	}
	p := Product{ID: field["id"], SKU: field["sku"], Name: field["name"], Currency: field["currency"]}
	if err := checkText("id", p.ID, productID, "1 to 64 letters, digits, underscores and hyphens"); err != nil {
		return p, err
	}
	if err := checkText("sku", p.SKU, productSKU, "1 to 64 printable ASCII characters without spaces"); err != nil {
		return p, err
	}
	if n := utf8.RuneCountInString(p.Name); n < 1 || n > 200 || !utf8.ValidString(p.Name) {
		return p, fmt.Errorf("name: %q is not 1 to 200 characters of UTF-8", p.Name)
	}
	if err := checkText("currency", p.Currency, currencyCode, "three capital letters"); err != nil {
		return p, err
	}
	var err error
	if p.Price, err = parseNumber("price", field["price"], 1, maxPrice); err != nil {
		return p, err
	}
	if p.Stock, err = parseNumber("stock", field["stock"], 0, maxStock); err != nil {
		return p, err
	}
	p.LowStockThreshold, err = parseNumber("low_stock_threshold", field["low_stock_threshold"], 0, maxStock)
	return p, err
}

func checkText(field, value string, pattern *regexp.Regexp, rule string) error {
	if !pattern.MatchString(value) {
		return fmt.Errorf("%s: %q is not %s", field, value, rule)
	}
	return nil
}

func parseNumber(field, text string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s: %q is not a whole number from %d to %d", field, text, low, high)
	}
	return n, nil
}

// WriteProducts writes what ReadProducts reads.
func WriteProducts(w io.Writer, products []Product) error {
	writer := csv.NewWriter(w)
	records := [][]string{productColumns}
	for _, p := range products {
		records = append(records, []string{p.ID, p.SKU, p.Name, strconv.FormatInt(p.Price, 10), p.Currency,
			strconv.FormatInt(p.Stock, 10), strconv.FormatInt(p.LowStockThreshold, 10)})
	}
	return writer.WriteAll(records)
}
