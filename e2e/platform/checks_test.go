package platform

import (
	"orderflow.example/dev/check"
)

// mustHold waits until everything has come to rest and verifies all invariants.
func (r *rig) mustHold() {
	r.Helper()
	results, err := check.Quiet(r.Context(), r.Services, patience)
	if err != nil {
		r.Fatalf("checks: %v", err)
	}
	for _, result := range results {
		for _, violation := range result.Violations {
			r.Errorf("%s: %s", result.Name, violation)
		}
	}
}
