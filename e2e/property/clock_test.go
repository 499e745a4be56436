package property

import (
	"sync/atomic"
	"time"
)

// clock is the time of all four services; it moves when a step moves it. Services read it from several goroutines.
type clock struct{ micros atomic.Int64 }

var epoch = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) reset()                  { c.micros.Store(epoch.UnixMicro()) }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }
