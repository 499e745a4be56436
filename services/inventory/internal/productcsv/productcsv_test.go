package productcsv_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"orderflow.example/inventory/internal/productcsv"
	"orderflow.example/kit/errs"
)

const header = "id,sku,name,price\n"

// read is each row in short: its number, its line, and its product or its error's reason.
func read(t *testing.T, file string) []string {
	t.Helper()
	r, err := productcsv.New(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%d@%d ", row.Number, row.Line)
		if row.Err != nil {
			text += row.Err.Reason
			for _, f := range row.Err.Fields {
				text += " " + f.Name
			}
		} else {
			text += fmt.Sprintf("%s|%s|%s|%d", row.Product.GetProductId(), row.Product.GetSku(), row.Product.GetName(), row.Product.GetPrice())
		}
		rows = append(rows, text)
	}
}

func TestRows(t *testing.T) {
	long := strings.Repeat("x", 17<<10)
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"plain":                     {header + "p1,S1,Tea,900\np2,S2,Cup,5\n", []string{"1@2 p1|S1|Tea|900", "2@3 p2|S2|Cup|5"}},
		"no last line break":        {header + "p1,S1,Tea,900", []string{"1@2 p1|S1|Tea|900"}},
		"mark, CRLF, empty lines":   {"\ufeffid,sku,name,price\r\n\r\np1,S1,Tea,900\r\n\n", []string{"1@3 p1|S1|Tea|900"}},
		"other order":               {"price,name,sku,id\n900,Tea,S1,p1\n", []string{"1@2 p1|S1|Tea|900"}},
		"quotes":                    {header + "p1,S1,\"Tea, \"\"green\"\"\nand black\",900\np2,S2,Cup,5\n", []string{"1@2 p1|S1|Tea, \"green\"\nand black|900", "2@4 p2|S2|Cup|5"}},
		"quoted header":             {"\"id\",\"sku\",name,price\np1,S1,\"\",900\n", []string{"1@2 p1|S1||900"}},
		"only a header":             {header, nil},
		"too many fields":           {header + "p1,S1,Tea,900,x\np2,S2,Cup,5\n", []string{"1@2 FIELD_COUNT", "2@3 p2|S2|Cup|5"}},
		"too few fields":            {header + "p1,S1\np2,S2,Cup,5\n", []string{"1@2 FIELD_COUNT", "2@3 p2|S2|Cup|5"}},
		"a quote inside of a field": {header + "p1,S1,12\" pan,900\np2,S2,Cup,5\n", []string{"1@2 ROW_MALFORMED", "2@3 p2|S2|Cup|5"}},
		"text after a quote":        {header + "p1,S1,\"Tea\"x,900\np2,S2,Cup,5\n", []string{"1@2 ROW_MALFORMED", "2@3 p2|S2|Cup|5"}},
		"not UTF-8":                 {header + "p1,S1,T\xffa,900\np2,S2,Cup,5\n", []string{"1@2 NOT_UTF8", "2@3 p2|S2|Cup|5"}},
		"numbers that are none":     {"id,sku,name,price,stock\np1,S1,Tea,9.50,many\np2,S2,Cup,5,\n", []string{"1@2 INVALID_ARGUMENT price stock", "2@3 INVALID_ARGUMENT stock"}},
		"a number too large":        {header + "p1,S1,Tea,99999999999999999999\n", []string{"1@2 INVALID_ARGUMENT price"}},
		"an over-long row":          {header + "p1,S1," + long + ",900\np2,S2,Cup,5\n", []string{"1@2 ROW_TOO_LONG", "2@3 p2|S2|Cup|5"}},
		"an over-long quoted row":   {header + "p1,S1,\"" + long + "\n\",900\np2,S2,Cup,5\n", []string{"1@2 ROW_TOO_LONG", "2@4 p2|S2|Cup|5"}},
		"a quote never closed":      {header + "p1,S1,\"Tea,900\np2,S2,Cup,5\n", []string{"1@2 QUOTE_NOT_CLOSED"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, c.file); strings.Join(got, "; ") != strings.Join(c.want, "; ") {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestEveryColumn(t *testing.T) {
	r, err := productcsv.New(strings.NewReader("id,sku,name,description,price,currency,stock,low_stock_threshold\np1,S1,Tea,Green,900,USD,10,3\n"))
	if err != nil {
		t.Fatal(err)
	}
	row, err := r.Next()
	if err != nil || row.Err != nil {
		t.Fatal(err, row.Err)
	}
	if p := row.Product; p.GetDescription() != "Green" || p.GetCurrency() != "USD" || p.GetInitialStock() != 10 || p.GetLowStockThreshold() != 3 || row.ID != "p1" {
		t.Errorf("%v", p)
	}
	if fields := strings.Join(r.Updatable(), " "); fields != "name description price low_stock_threshold" {
		t.Error(fields)
	}
	if r, err = productcsv.New(strings.NewReader(header)); err != nil {
		t.Fatal(err)
	}
	if fields := strings.Join(r.Updatable(), " "); fields != "name price" {
		t.Error(fields)
	}
}

func TestBadHeaders(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"empty file":          {"", "FILE_EMPTY "},
		"only a mark":         {"\ufeff", "FILE_EMPTY "},
		"empty line":          {"\nid,sku,name,price\n", "ROW_MALFORMED "},
		"unknown column":      {"id,sku,name,price,colour\n", "COLUMNS_INVALID colour/unknown_column"},
		"capital letters":     {"ID,sku,name,price\n", "COLUMNS_INVALID ID/unknown_column id/missing_column"},
		"semicolons":          {"id;sku;name;price\n", "COLUMNS_INVALID id;sku;name;price/unknown_column id/missing_column sku/missing_column name/missing_column price/missing_column"},
		"missing columns":     {"id,name\n", "COLUMNS_INVALID sku/missing_column price/missing_column"},
		"a column twice":      {"id,sku,name,price,sku\n", "COLUMNS_INVALID sku/duplicate_column"},
		"no UTF-8":            {"id,sku,n\xffme,price\n", "NOT_UTF8 "},
		"an over-long header": {"id,sku,name,price," + strings.Repeat("x", 17<<10) + "\n", "ROW_TOO_LONG "},
		"a quote":             {"id,sku,na\"me,price\n", "ROW_MALFORMED "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := productcsv.New(strings.NewReader(c.file))
			if err == nil {
				t.Fatal("no error")
			}
			e := errs.From(err)
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Name+"/"+f.Rule)
			}
			if got := e.Reason + " " + strings.Join(fields, " "); got != c.want || e.Code != errs.InvalidArgument {
				t.Errorf("got %s (%v), want %s", got, e, c.want)
			}
		})
	}
}

func TestAFileThatCanNotBeRead(t *testing.T) {
	broken := errors.New("broken")
	if _, err := productcsv.New(readerOf("id,sk", broken)); !errors.Is(err, broken) {
		t.Errorf("in the header: %v", err)
	}
	r, err := productcsv.New(readerOf(header+"p1,S", broken))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("in a row: %v", err)
	}
}

// readerOf reads the text and fails then.
func readerOf(text string, err error) io.Reader {
	return io.MultiReader(strings.NewReader(text), failing{err})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Whatever a file holds, reading it ends, and a row is a product of UTF-8 or an error.
func FuzzNext(f *testing.F) {
	for _, text := range []string{"p1,S1,Tea,900\n", "\"a\nb\",\"\"\"\",x,1\r\n", "\"", ",,,\n\n", "a\"b,c,d,e\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := productcsv.New(strings.NewReader(header + text))
		if err != nil {
			t.Fatal(err)
		}
		for line := 1; ; {
			row, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if row.Line <= line || row.Err == nil && !utf8.ValidString(row.Product.String()) {
				t.Fatalf("%+v after line %d", row, line)
			}
			line = row.Line
		}
	})
}
