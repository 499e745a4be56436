package sqldb

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// maxParameters keeps a statement below SQLite's 32,766 and PostgreSQL's 65,535 parameters.
const maxParameters = 30_000

// maxPreparedRows is the most rows that ExecRows puts into one SQLite statement: the gain per row ends there, and few
// texts stay in the statement cache.
const maxPreparedRows = 64

// Rows is the text of n rows of VALUES: Rows(2, 2) is "($1,$2),($3,$4)".
func Rows(n, columns int) string {
	var b strings.Builder
	b.Grow(n * (columns*6 + 3))
	for row := range n {
		if row > 0 {
			b.WriteByte(',')
		}
		list(&b, row*columns+1, columns)
	}
	return b.String()
}

// In is the text of a list of n parameters, the first of which has the number from: In(3, 4) is "($4,$5,$6)".
func In(n, from int) string {
	var b strings.Builder
	b.Grow(n*6 + 2)
	list(&b, from, n)
	return b.String()
}

func list(b *strings.Builder, from, n int) {
	b.WriteByte('(')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	b.WriteByte(')')
}

// Chunk splits items so that a statement with that many parameters an item stays within both databases' limits.
func Chunk[T any](items []T, parametersEach int) iter.Seq[[]T] {
	return slices.Chunk(items, max(1, (maxParameters-100)/max(1, parametersEach)))
}

// ExecRows runs `before VALUES-rows after` for all rows, whose values follow one another in args, and adds up the
// rows affected. It makes as many statements as the flavour runs best: before is for example
// "INSERT INTO t (a, b) VALUES ", after "" or " ON CONFLICT …". Only a row's values may be parameters.
func ExecRows(ctx context.Context, tx *Tx, before string, columns int, after string, args []any) (int64, error) {
	var affected int64
	for len(args) > 0 {
		n := rowsAtOnce(tx.flavor, len(args)/columns, columns)
		result, err := tx.ExecContext(ctx, before+Rows(n, columns)+after, args[:n*columns]...)
		if err != nil {
			return affected, err
		}
		count, err := result.RowsAffected()
		if err != nil {
			return affected, err
		}
		affected += count
		args = args[n*columns:]
	}
	return affected, nil
}

// rowsAtOnce is how many of the remaining rows go into the next statement. On SQLite these are powers of two, so that
// a handful of texts stays prepared; on PostgreSQL a round trip costs more than a new text.
func rowsAtOnce(flavor Flavor, rows, columns int) int {
	if flavor == Postgres {
		return min(rows, maxParameters/columns)
	}
	n := maxPreparedRows
	for n > rows {
		n /= 2
	}
	return n
}

// Padded repeats the last of args until there is a power of two of them: a list of parameters of varying length, as
// in `key IN (…)`, then has few different texts, and these stay prepared.
func Padded(args []any) []any {
	if len(args) == 0 {
		return args
	}
	size := 1
	for size < len(args) {
		size *= 2
	}
	last := args[len(args)-1]
	for len(args) < size {
		args = append(args, last)
	}
	return args
}
