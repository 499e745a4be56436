package productcsv

import (
	"bufio"
	"errors"
	"io"
)

// maxRecord is the most bytes of a record: more than a product within all of its limits needs.
const maxRecord = 16 << 10

// record is a line of the file, or several when a quoted field has line breaks.
type record struct {
	text    []byte // valid until the next one is read; cut at maxRecord
	line    int    // that it begins on
	long    bool   // it was cut
	unended bool   // the file ended in a quoted field
}

// records splits a file by its quotes and line breaks alone, so that a bad record harms no other one, and holds no more
// of one than its limit.
type records struct {
	in   *bufio.Reader
	text []byte
	line int
}

func newRecords(r io.Reader) *records {
	in := bufio.NewReaderSize(r, 64<<10)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = in.Discard(3) // they were peeked at
	}
	return &records{in: in, line: 1}
}

// next is io.EOF at the end.
func (r *records) next() (record, error) {
	found := record{line: r.line}
	r.text = r.text[:0]
	const (
		begins = iota // of a field
		plain
		quoted
		quoteInQuoted // the field ends here, or the quote is a doubled one
	)
	state, empty := begins, true
	for {
		c, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) && !empty {
			found.text, found.unended = r.text, state == quoted
			return found, nil
		}
		if err != nil {
			return found, err
		}
		empty = false
		if len(r.text) < maxRecord {
			r.text = append(r.text, c)
		} else if c != '\n' || state == quoted {
			found.long = true
		}
		if c == '\n' {
			r.line++
		}
		switch {
		case state == quoted:
			if c == '"' {
				state = quoteInQuoted
			}
		case c == '\n':
			found.text = r.text
			return found, nil
		case c == '"' && state != plain:
			state = quoted
		case c == ',':
			state = begins
		default:
			state = plain
		}
	}
}
