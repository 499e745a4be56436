package inbox

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"orderflow.example/kit/sqldb/sqldbtest"
)

// A key that is met in the middle is counted, and logged, but not line by line. A compacted topic has gaps.
func TestKeysThatBeginLateAreReported(t *testing.T) {
	var log bytes.Buffer
	b := newBench(t, sqldbtest.SQLiteURL(t), func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	count := func(want float64) {
		t.Helper()
		if got := testutil.ToFloat64(b.metrics.firstSeenGaps); got != want {
			t.Errorf("%v keys are counted, want %v", got, want)
		}
	}
	b.process(b.on("a", "k 1"), b.on("a", "k 2"), b.on("c", "k 9"), b.on("a", "unnumbered"))
	count(0)
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}
	b.process(b.list("l 7", "l 8", "l 6")...)
	b.process(b.list("l 9", "m 2", "n 3")...)
	count(3)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 1 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "keys=1 topic=a") || !strings.Contains(lines[0], "key=l sequence=7") {
		t.Errorf("log: %q", lines)
	}
	b.lateLogged = b.lateLogged.Add(-lateLogEvery)
	b.process(b.list("o 2")...)
	if !strings.Contains(log.String(), "keys=3 topic=a") {
		t.Errorf("those in between are not told of: %s", log.String())
	}
}
