package sqldb

import "strings"

// positional rewrites `$1` parameters as SQLite's `?`, for SQLite looks `$1` up as a name, in time that grows with the
// square of their number. order tells which argument each `?` takes, from 0; it is nil when they are in order already.
func positional(query string) (text string, order []int) {
	var b strings.Builder
	b.Grow(len(query))
	inOrder := true
	for i := 0; i < len(query); {
		switch c := query[i]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(query[i+1:], c) + i + 2
			if end < i+2 {
				end = len(query)
			}
			b.WriteString(query[i:end])
			i = end
		case c == '$' && i+1 < len(query) && isDigit(query[i+1]):
			number := 0
			for i++; i < len(query) && isDigit(query[i]); i++ {
				number = number*10 + int(query[i]-'0')
			}
			b.WriteByte('?')
			order = append(order, number-1)
			inOrder = inOrder && number == len(order)
		default:
			b.WriteByte(c)
			i++
		}
	}
	if inOrder {
		order = nil
	}
	return b.String(), order
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// reorder gives each `?` its argument. A number without an argument leaves the list short, which SQLite reports.
func reorder(args []any, order []int) []any {
	if order == nil {
		return args
	}
	ordered := make([]any, 0, len(order))
	for _, i := range order {
		if i < 0 || i >= len(args) {
			break
		}
		ordered = append(ordered, args[i])
	}
	return ordered
}
