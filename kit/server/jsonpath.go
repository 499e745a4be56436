package server

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fieldAt names the field whose name or value begins at a line and column (both from 1, columns in characters) of valid JSON: "items[0].price".
func fieldAt(body []byte, line, column int) string {
	target := offsetOf(body, line, column)
	var open []level
	for i := 0; i < len(body); {
		if i >= target {
			return pathOf(open, body[i:])
		}
		top := len(open) - 1
		switch body[i] {
		case '{':
			open = append(open, level{object: true, nameNext: true})
		case '[':
			open = append(open, level{})
		case '}', ']':
			open = open[:top]
		case ':':
			open[top].nameNext = false
		case ',':
			open[top].index++
			open[top].nameNext = open[top].object
		case '"':
			text := stringAt(body[i:])
			if top >= 0 && open[top].nameNext {
				open[top].name = unquote(text)
			}
			i += len(text)
			continue
		}
		i++
	}
	return pathOf(open, nil)
}

// level is an object or array that is open at some point of the text.
type level struct {
	object   bool
	nameNext bool // in an object: a field name comes next, not a value
	name     string
	index    int
}

// pathOf writes the path of what begins at rest within the open levels.
func pathOf(open []level, rest []byte) string {
	if top := len(open) - 1; top >= 0 && open[top].nameNext {
		open[top].name = ""
		if len(rest) > 0 && rest[0] == '"' {
			open[top].name = unquote(stringAt(rest))
		}
	}
	var path strings.Builder
	for _, l := range open {
		switch {
		case !l.object:
			path.WriteString("[" + strconv.Itoa(l.index) + "]")
		case l.name == "":
		case path.Len() > 0:
			path.WriteString("." + l.name)
		default:
			path.WriteString(l.name)
		}
	}
	return path.String()
}

func offsetOf(body []byte, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := bytes.IndexByte(body[offset:], '\n')
		if next < 0 {
			return len(body)
		}
		offset += next + 1
	}
	for ; column > 1 && offset < len(body); column-- {
		_, size := utf8.DecodeRune(body[offset:])
		offset += size
	}
	return offset
}

// stringAt is the JSON string that text begins with, in its quotes.
func stringAt(text []byte) []byte {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[:i+1]
		}
	}
	return text
}

func unquote(text []byte) string {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return string(text)
	}
	return s
}
