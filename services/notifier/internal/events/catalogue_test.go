package events

import (
	"slices"
	"testing"

	"orderflow.example/schemas"
)

// The catalogue of events says of this service what it does.
func TestTheCatalogueKnowsWhatIsHandled(t *testing.T) {
	handled := Handles()
	slices.Sort(handled)
	if want := schemas.Handled("notifier"); !slices.Equal(handled, want) {
		t.Errorf("Handles are\n%q\nand schemas/readers.txt says\n%q", handled, want)
	}
	var topics []string
	for _, e := range schemas.Events() {
		if slices.Contains(handled, e.Name) && !slices.Contains(topics, e.Topic) {
			topics = append(topics, e.Topic)
		}
	}
	read := Topics()
	slices.Sort(read)
	slices.Sort(topics)
	if !slices.Equal(read, topics) {
		t.Errorf("the topics are %q, those of what is handled %q", read, topics)
	}
}
