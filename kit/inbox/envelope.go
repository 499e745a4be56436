package inbox

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"orderflow.example/kit/kafka"
)

// longestName is the most bytes that a key, an id or a type may have: both databases index so much.
const longestName = 512

// open reads the CloudEvents envelope of a record. Its error says that there is none, or a broken one.
func open(record kafka.Record) (Message, error) {
	header := record.Headers
	m := Message{
		Record:        record,
		ID:            header["ce_id"],
		Type:          header["ce_type"],
		Source:        header["ce_source"],
		Subject:       header["ce_subject"],
		Time:          record.Timestamp,
		CausationID:   header["ce_causationid"],
		CorrelationID: header["ce_correlationid"],
		TraceParent:   header["traceparent"],
	}
	if version := header["ce_specversion"]; version != "1.0" {
		return m, fmt.Errorf("ce_specversion is %q, want 1.0", version)
	}
	if m.Source == "" {
		return m, errors.New("ce_source is missing")
	}
	for name, value := range map[string]string{"ce_id": m.ID, "ce_type": m.Type, "the record's key": record.Key} {
		if err := checkName(value); err != nil {
			return m, fmt.Errorf("%s %w", name, err)
		}
	}
	if text, ok := header["ce_sequence"]; ok {
		sequence, err := strconv.ParseInt(text, 10, 64)
		if err != nil || sequence < 1 {
			return m, fmt.Errorf("ce_sequence is %q, want a number from 1", text)
		}
		m.Sequence = sequence
	}
	if text, ok := header["ce_time"]; ok {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return m, fmt.Errorf("ce_time is %q, want an RFC 3339 time", text)
		}
		m.Time = at.UTC()
	}
	return m, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is missing")
	case len(name) > longestName:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(name), longestName)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return errors.New("is no text")
	}
	return nil
}

// storable is a text as both databases can store it.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
