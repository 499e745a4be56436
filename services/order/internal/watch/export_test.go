package watch

import "time"

// SetSweep is for a hub that nobody watches yet.
func (h *Hub) SetSweep(every time.Duration) { h.sweep = every }
