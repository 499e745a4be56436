// Package productcsv reads products from a CSV file, one a record, under the names of its header line. A bad record is
// an answer of its own, not the end of the file.
package productcsv

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"orderflow.example/kit/errs"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// The columns that a file may have, and those of them that it must have.
var (
	known    = []string{"id", "sku", "name", "description", "price", "currency", "stock", "low_stock_threshold"}
	required = []string{"id", "sku", "name", "price"}
)

// Reader reads a file once, and holds one record of it.
type Reader struct {
	records *records
	columns []string
	number  int32
	buffer  *bufio.Reader
}

// Row is a record of the file behind its header.
type Row struct {
	Number  int32 // from 1
	Line    int   // of the file that it begins on, from 1
	ID      string
	Product *inventoryv1.CreateProductRequest // not held against any rule yet
	Err     *errs.Error                       // why there is no product
}

// New reads the header. What is wrong with it is InvalidArgument and names the columns.
func New(r io.Reader) (*Reader, error) {
	reader := &Reader{records: newRecords(r), buffer: bufio.NewReader(nil)}
	header, err := reader.records.next()
	if errors.Is(err, io.EOF) {
		return nil, errs.New(errs.InvalidArgument, "FILE_EMPTY", "the file is empty: its first line must name the columns %s", strings.Join(required, ", "))
	}
	if err != nil {
		return nil, err
	}
	fields, wrong := reader.split(header)
	if wrong != nil {
		wrong.Message = "the header line: " + wrong.Message
		return nil, wrong
	}
	reader.columns = fields
	return reader, checkColumns(fields)
}

func checkColumns(columns []string) error {
	var wrong []errs.Field
	for i, name := range columns {
		switch {
		case !slices.Contains(known, name):
			wrong = append(wrong, errs.Field{Name: name, Rule: "unknown_column", Description: "is no column; the columns, separated by commas, are " + strings.Join(known, ", ")})
		case slices.Contains(columns[:i], name):
			wrong = append(wrong, errs.Field{Name: name, Rule: "duplicate_column", Description: "is there twice"})
		}
	}
	for _, name := range required {
		if !slices.Contains(columns, name) {
			wrong = append(wrong, errs.Field{Name: name, Rule: "missing_column", Description: "is missing"})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	err := errs.Invalid(wrong...)
	err.Reason, err.Message = "COLUMNS_INVALID", strings.Replace(err.Message, "the request is invalid", "the header line is invalid", 1)
	return err
}

// Updatable are the fields of a product that is there which the file's columns speak of, by their names in a field mask.
func (r *Reader) Updatable() []string {
	var fields []string
	for _, name := range []string{"name", "description", "price", "low_stock_threshold"} {
		if slices.Contains(r.columns, name) {
			fields = append(fields, name)
		}
	}
	return fields
}

// Next is the next record, io.EOF after the last. An error is that of reading the file.
func (r *Reader) Next() (Row, error) {
	for {
		found, err := r.records.next()
		if err != nil {
			return Row{}, err
		}
		if len(bytes.TrimRight(found.text, "\r\n")) == 0 {
			continue
		}
		r.number++
		product, wrong := r.parse(found)
		return Row{Number: r.number, Line: found.line, ID: product.GetProductId(), Product: product, Err: wrong}, nil
	}
}

// parse makes a product of a record.
func (r *Reader) parse(found record) (*inventoryv1.CreateProductRequest, *errs.Error) {
	fields, wrong := r.split(found)
	if wrong != nil {
		return nil, wrong
	}
	if len(fields) != len(r.columns) {
		return nil, errs.New(errs.InvalidArgument, "FIELD_COUNT", "the row has %d fields and the header has %d", len(fields), len(r.columns))
	}
	return r.product(fields)
}

// split makes fields of a record.
func (r *Reader) split(found record) ([]string, *errs.Error) {
	switch {
	case found.unended:
		return nil, errs.New(errs.InvalidArgument, "QUOTE_NOT_CLOSED", "the quote that is open on line %d is never closed: the file was not understood from there on", found.line)
	case found.long:
		return nil, errs.New(errs.InvalidArgument, "ROW_TOO_LONG", "the row is longer than %d bytes; is a quote not closed?", maxRecord)
	case !utf8.Valid(found.text):
		return nil, errs.New(errs.InvalidArgument, "NOT_UTF8", "the row is not UTF-8")
	}
	r.buffer.Reset(bytes.NewReader(found.text))
	reader := csv.NewReader(r.buffer)
	fields, err := reader.Read()
	if errors.Is(err, io.EOF) { // an empty line, of which a header can't be made
		return nil, errs.New(errs.InvalidArgument, "ROW_MALFORMED", "the line is empty")
	}
	var malformed *csv.ParseError
	if errors.As(err, &malformed) {
		return nil, errs.New(errs.InvalidArgument, "ROW_MALFORMED", "line %d, column %d: %v", found.line+malformed.Line-1, malformed.Column, malformed.Err)
	}
	if err != nil {
		return nil, errs.New(errs.InvalidArgument, "ROW_MALFORMED", "the row can't be read").Wrap(err)
	}
	return fields, nil
}

// product puts the fields where they belong. Numbers that are none are all named; the rules are not asked.
func (r *Reader) product(fields []string) (*inventoryv1.CreateProductRequest, *errs.Error) {
	p := &inventoryv1.CreateProductRequest{}
	var wrong []errs.Field
	for i, name := range r.columns {
		text := fields[i]
		switch name {
		case "id":
			p.ProductId = text
		case "sku":
			p.Sku = text
		case "name":
			p.Name = text
		case "description":
			p.Description = text
		case "currency":
			p.Currency = text
		case "price":
			wrong = append(wrong, number(&p.Price, name, text)...)
		case "stock":
			wrong = append(wrong, number(&p.InitialStock, name, text)...)
		case "low_stock_threshold":
			wrong = append(wrong, number(&p.LowStockThreshold, name, text)...)
		}
	}
	if len(wrong) > 0 {
		return p, errs.Invalid(wrong...)
	}
	return p, nil
}

func number(into *int64, name, text string) []errs.Field {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		const shown = 30
		return []errs.Field{{Name: name, Rule: "type", Description: fmt.Sprintf("%.*q is not a whole number", shown, text)}}
	}
	*into = n
	return nil
}

// column is the column of a field of CreateProductRequest, by its JSON name.
var column = map[string]string{
	"productId": "id", "sku": "sku", "name": "name", "description": "description", "price": "price", "currency": "currency",
	"initialStock": "stock", "lowStockThreshold": "low_stock_threshold",
}

// Column is the column that a violation of an import's row is about.
func Column(field string) string {
	if name, ok := column[field]; ok {
		return name
	}
	return field
}
