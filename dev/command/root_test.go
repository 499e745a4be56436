package command

import (
	"io"
	"strings"
	"testing"
)

func TestBadFlags(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"demo", "--patience", "-1s"}, "--patience -1s: must be above 0"},
		{[]string{"demo", "--patience", "0s"}, "--patience 0s: must be above 0"},
		{[]string{"up", "--port-offset", "-1"}, "--port-offset -1: must be 0 to 50000"},
		{[]string{"demo", "--products", "nowhere.csv"}, "nowhere.csv"},
		{[]string{"demo", "extra"}, "unknown command"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			root := Root()
			root.SetArgs(append(tt.args, "--data", t.TempDir()))
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			err := root.ExecuteContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}
