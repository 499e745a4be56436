package walkthrough

import (
	"fmt"
	"regexp"
	"strings"
)

// step is a block of commands and what they print.
type step struct {
	line       int // of the page
	heading    string
	background bool
	commands   string
	output     string // "" when there is no text block
}

func (s step) String() string { return fmt.Sprintf("line %d, %s", s.line, s.heading) }

// parse reads the page's blocks. A fence of another kind, or output of nothing, is an error: it would never be tried.
func parse(page string) (steps []step, err error) {
	var heading, kind string
	var block []string
	began, answered := 0, true
	for i, line := range strings.Split(page, "\n") {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && kind == "":
			kind = strings.TrimPrefix(strings.TrimSpace(line), "```")
			block, began = nil, i+1
			if kind != "sh" && kind != "sh background" && kind != "text" {
				return nil, fmt.Errorf("line %d: a block of kind %q: it is never run; sh, sh background and text are", began, kind)
			}
		case fence && kind == "text":
			if answered {
				return nil, fmt.Errorf("line %d: a text block that follows no commands", began)
			}
			steps[len(steps)-1].output = strings.Join(block, "\n")
			kind, answered = "", true
		case fence:
			steps = append(steps, step{began, heading, kind == "sh background", strings.Join(block, "\n"), ""})
			kind, answered = "", false
		case kind != "":
			block = append(block, line)
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	if kind != "" {
		return nil, fmt.Errorf("line %d: the block does not end", began)
	}
	return steps, nil
}

// pattern is what an output must match, from its beginning on.
func pattern(output string, whole bool) *regexp.Regexp {
	var text strings.Builder
	text.WriteString(`\A`)
	for _, line := range strings.Split(normal(output), "\n") {
		if line == "…" {
			text.WriteString(`(?:.*\n)*?`)
			continue
		}
		text.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `.*`) + `\n`)
	}
	if whole {
		text.WriteString(`\z`)
	}
	return regexp.MustCompile(text.String())
}

// protobufSpace is what the JSON of protobuf messages has behind a comma in some builds of a program and not in others.
var protobufSpace = regexp.MustCompile(`([,{\[]) (["{\[])`)

// normal is the text without spaces that mean nothing.
func normal(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n "), "\n")
	for i, line := range lines {
		lines[i] = protobufSpace.ReplaceAllString(strings.TrimRight(line, " \r"), "$1$2")
	}
	return strings.Join(lines, "\n")
}

func matches(output, printed string) bool {
	if output == "" {
		return strings.TrimSpace(printed) == ""
	}
	return pattern(output, true).MatchString(normal(printed) + "\n")
}
