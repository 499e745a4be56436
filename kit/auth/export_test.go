package auth

import "time"

// SetNow lets a test move the verifier's clock.
func (v *Verifier) SetNow(now func() time.Time) { v.now = now }
