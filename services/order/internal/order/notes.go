package order

import (
	"regexp"
	"strings"
	"time"
)

// AllNotes are the customer's notes, followed by the reasons of status changes.
func (o *Order) AllNotes() string {
	if o.Notes == "" || o.Reasons == "" {
		return o.Notes + o.Reasons
	}
	return o.Notes + "\n" + o.Reasons
}

// SplitNotes takes AllNotes apart again: the first `own` bytes are the customer's. Where that was not kept, own is
// negative, the reasons begin with the first line that looks like one.
func SplitNotes(all string, own int) (notes, reasons string) {
	if own < 0 {
		own = len(all)
		if found := reasonLine.FindStringIndex(all); found != nil {
			own = found[0]
		}
	}
	own = min(own, len(all))
	return all[:own], strings.TrimPrefix(all[own:], "\n")
}

// reasonLine is how a line of note begins, with the end of the line before it.
var reasonLine = regexp.MustCompile(`(?:^|\n)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+: `)

// note keeps the reason of a status change, with its time.
func (o *Order) note(at time.Time, reason string) {
	if reason == "" {
		return
	}
	line := at.UTC().Format(time.RFC3339) + " " + string(o.Status) + ": " + reason
	if o.Reasons != "" {
		line = o.Reasons + "\n" + line
	}
	o.Reasons = line
}
