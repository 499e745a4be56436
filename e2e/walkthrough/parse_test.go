package walkthrough

import (
	"strings"
	"testing"
)

// A block that would not be tried is refused.
func TestParse(t *testing.T) {
	good := "# Page\n\n## Part\n\n```sh background\nup\n```\n\n```text\nready\n```\n\ntext\n\n```sh\na\nb\n```\n\n```sh\nc\n```\n```text\nd\n```\n"
	steps, err := parse(good)
	if err != nil || len(steps) != 3 || !steps[0].background || steps[0].output != "ready" || steps[1].commands != "a\nb" || steps[1].output != "" ||
		steps[2].output != "d" || steps[2].heading != "Part" || steps[2].line != 20 {
		t.Fatalf("%v %+v", err, steps)
	}
	for page, want := range map[string]string{
		"```bash\na\n```":            `"bash"`,
		"```\na\n```":                `kind ""`,
		"```json\n{}\n```":           `"json"`,
		"   ```console\n$ a\n   ```": `"console"`,
		"```text\na\n```":            "follows no commands",
		"```sh\na\n```\n```text\nb\n```\n```text\nc\n```": "follows no commands",
		"```sh\na\n": "does not end",
	} {
		if _, err := parse(page); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", page, err, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		says, printed string
		want          bool
	}{
		{"a\nb", "a\nb\n", true},
		{"a\nb", "a\n\nb", false},
		{"a", "a\nb", false},
		{"a", "b", false},
		{"", "", true},
		{"", "\n", true},
		{"", "surprise", false},
		{"ORD… PENDING", "ORD17 PENDING", true},
		{"ORD… PENDING", "ORD17\nPENDING", false},
		{"…\nb\n…", "x\ny\nb\nz", true},
		{"…\nb", "b", true},
		{"…\nb", "x", false},
		{"a.c", "abc", false},
		{`{"a":"1","b":[{"c":2}]}`, `{"a":"1", "b":[{"c":2}]}`, true},
		{`"a, b"`, `"a,b"`, false},
		{"a", "a\r\n", true},
	} {
		if matches(c.says, c.printed) != c.want {
			t.Errorf("%q printed, %q on the page: want %v", c.printed, c.says, c.want)
		}
	}
}
