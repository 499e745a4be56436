// Package outbox writes events in the transaction of what they tell of, and sends them to the broker afterwards. Its
// table is the service's event log too: rows stay after they are sent, numbered per (topic, key).
package outbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"orderflow.example/kit/kafka"
)

// Record is the data of an event, encodable under its full name.
type Record interface{ RecordName() string }

// Draft is an event to be written.
type Draft struct {
	ID            string // made when empty; NewID when the caller needs to know it
	Topic, Key    string
	Sequence      int64 // within (topic, key), from 1 without gaps, taken under the aggregate's lock; 0: unnumbered
	Data          Record
	Time          time.Time // zero: the transaction's instant
	CausationID   string    // the event that caused this one; empty for an API call
	CorrelationID string    // the order
	TraceParent   string    // W3C
}

// Row is an event as it is stored and sent.
type Row struct {
	ID            int64  // order of sending
	EventID       string // UUIDv7
	Topic, Key    string
	Sequence      int64 // 0: unnumbered
	Type          string
	Source        string
	Payload       []byte // as on the wire; nil: a tombstone
	Time          time.Time
	CausationID   string
	CorrelationID string
	TraceParent   string
	Headers       map[string]string // further ones; they take precedence
	SentAt        *time.Time
	Refused       string // why the broker will never take it
}

// NewID makes an event id, a UUIDv7.
func NewID() string { return uuid.Must(uuid.NewV7()).String() } // fails only when the system has no randomness

// Record is the row as a message: a CloudEvent in Kafka's binary mode. A row without a type, the copy of what was no
// CloudEvent, has its Headers only.
func (r Row) Record() kafka.Record {
	if r.Type == "" {
		return kafka.Record{Topic: r.Topic, Key: r.Key, Value: r.Payload, Headers: r.Headers, Timestamp: r.Time}
	}
	headers := make(map[string]string, 11+len(r.Headers))
	headers["ce_specversion"] = "1.0"
	headers["ce_id"] = r.EventID
	headers["ce_type"] = r.Type
	headers["ce_source"] = r.Source
	headers["ce_subject"] = r.Key
	headers["ce_time"] = r.Time.UTC().Format(time.RFC3339Nano)
	headers["content-type"] = "application/avro"
	if r.Sequence > 0 {
		headers["ce_sequence"] = strconv.FormatInt(r.Sequence, 10)
	}
	optional(headers, "ce_correlationid", r.CorrelationID)
	optional(headers, "ce_causationid", r.CausationID)
	optional(headers, "traceparent", r.TraceParent)
	for name, value := range r.Headers {
		headers[name] = value
	}
	return kafka.Record{Topic: r.Topic, Key: r.Key, Value: r.Payload, Headers: headers, Timestamp: r.Time}
}

func optional(headers map[string]string, name, value string) {
	if value != "" {
		headers[name] = value
	}
}

func encodeHeaders(headers map[string]string) (string, error) {
	if len(headers) == 0 {
		return "", nil
	}
	text, err := json.Marshal(headers)
	return string(text), err
}

func decodeHeaders(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var headers map[string]string
	if err := json.Unmarshal([]byte(text), &headers); err != nil {
		return nil, fmt.Errorf("stored headers: %w", err)
	}
	return headers, nil
}
