package target

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat (USER_HZ, 100 on every Linux that Go runs on).
const clockTick = 10 * time.Millisecond

// parseCPU adds utime and stime, fields 14 and 15 of proc(5). The second field, the name, may hold spaces and brackets.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("unexpected /proc stat: %q", stat)
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("unexpected /proc stat: %w", err)
		}
		sum += time.Duration(ticks) * clockTick
	}
	return sum, nil
}
