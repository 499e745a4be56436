package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scanner is a row that is being read.
type Scanner interface{ Scan(dest ...any) error }

// Collect runs a query and reads all of its rows, each with scan.
func Collect[T any](ctx context.Context, q Querier, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, rows.Err()
}

// idsAtOnce is how many ids CollectIn asks for with one statement.
const idsAtOnce = 512

// CollectIn runs `before IN (ids) after` and reads all rows. Long lists take several statements, in the order of the
// ids, so that a query that locks, and sorts by id, locks in one order. args are the parameters from $1 on that before
// and after use.
func CollectIn[T any](ctx context.Context, q Querier, scan func(Scanner) (T, error), before string, ids []string, after string, args ...any) ([]T, error) {
	var all []T
	for chunk := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), idsAtOnce) {
		list := make([]any, len(chunk))
		for i, id := range chunk {
			list[i] = id
		}
		list = Padded(list)
		found, err := Collect(ctx, q, scan, before+" IN "+In(len(list), len(args)+1)+after, append(slices.Clone(args), list...)...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// Column scans a row of one column.
func Column[T any](row Scanner) (value T, err error) {
	err = row.Scan(&value)
	return value, err
}

// Instant scans stored microseconds into t, as Time gives them.
func Instant(t *time.Time) sql.Scanner { return instantScanner{t} }

type instantScanner struct{ t *time.Time }

func (s instantScanner) Scan(value any) error {
	micros, ok := value.(int64)
	if !ok {
		return fmt.Errorf("%T is not an instant", value)
	}
	*s.t = Time(micros)
	return nil
}

// Where is a WHERE clause under construction. The zero one lets every row pass.
type Where struct {
	conditions []string
	args       []any
}

// Add adds a condition, in which each ? stands for the next argument.
func (w *Where) Add(condition string, args ...any) {
	for _, arg := range args {
		condition = strings.Replace(condition, "?", w.Arg(arg), 1)
	}
	w.conditions = append(w.conditions, condition)
}

// Arg adds an argument that is used elsewhere in the statement and returns the text of its parameter.
func (w *Where) Arg(arg any) string {
	w.args = append(w.args, arg)
	return "$" + strconv.Itoa(len(w.args))
}

// Args are the arguments of the statement.
func (w *Where) Args() []any { return w.args }

// String is the clause with a space before it; empty without conditions.
func (w *Where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}
