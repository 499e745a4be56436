package watch

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"orderflow.example/kit/errs"
)

// Seen is the set of an order's events that a client was sent: per topic, the sequences as spans. It is a set, and no
// position, because an event of another service may be stored after others that happened later. As a topic's sequences
// of an order have no gaps, but for what an operator discards, there is one span per topic.
type Seen struct {
	orderID string
	topics  map[string][]span // ascending, apart from each other
}

// maxSequence is beyond every order's events, and safe to calculate with.
const maxSequence = 1 << 40

type span struct{ from, to int64 }

// NewSeen is a set without any events.
func NewSeen(orderID string) *Seen { return &Seen{orderID: orderID, topics: map[string][]span{}} }

// Has tells whether the event was sent.
func (s *Seen) Has(topic string, sequence int64) bool {
	_, found := slices.BinarySearchFunc(s.topics[topic], sequence, func(in span, sequence int64) int {
		switch {
		case in.to < sequence:
			return -1
		case in.from > sequence:
			return 1
		}
		return 0
	})
	return found
}

// Through is the sequence up to which every event of the topic was sent; 0: not even the first one was.
func (s *Seen) Through(topic string) int64 {
	if spans := s.topics[topic]; len(spans) > 0 && spans[0].from == 1 {
		return spans[0].to
	}
	return 0
}

// Add notes that an event was sent.
func (s *Seen) Add(topic string, sequence int64) {
	if s.Has(topic, sequence) {
		return
	}
	spans := append(slices.Clone(s.topics[topic]), span{sequence, sequence})
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	joined := spans[:1]
	for _, next := range spans[1:] {
		if last := &joined[len(joined)-1]; last.to+1 == next.from {
			last.to = next.to
		} else {
			joined = append(joined, next)
		}
	}
	s.topics[topic] = joined
}

// Size is how many events the set holds.
func (s *Seen) Size() int64 {
	var n int64
	for _, spans := range s.topics {
		for _, in := range spans {
			n += in.to - in.from + 1
		}
	}
	return n
}

// Token is the set as text: base64 of the order's id, a line per topic with its spans.
func (s *Seen) Token() string {
	var text strings.Builder
	text.WriteString(s.orderID)
	topics := make([]string, 0, len(s.topics))
	for topic := range s.topics {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	for _, topic := range topics {
		text.WriteString("\n" + topic)
		for _, in := range s.topics[topic] {
			fmt.Fprintf(&text, " %d", in.from)
			if in.to > in.from {
				fmt.Fprintf(&text, "-%d", in.to)
			}
		}
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text.String()))
}

// Parse reads a Token; an empty one is an empty set. What Token did not write, to the letter, and a token of another
// order are the client's errors.
func Parse(token, orderID string) (*Seen, error) {
	s := NewSeen(orderID)
	if token == "" {
		return s, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, badToken("must be the resumeToken of an earlier response")
	}
	lines := strings.Split(string(text), "\n")
	for _, line := range lines[1:] {
		words := strings.Split(line, " ")
		for _, word := range words[1:] {
			in, err := parseSpan(word)
			if err != nil {
				return nil, badToken("must be the resumeToken of an earlier response")
			}
			s.topics[words[0]] = append(s.topics[words[0]], in)
		}
	}
	if !s.tidy() || base64.RawURLEncoding.EncodeToString(text) != token {
		return nil, badToken("must be the resumeToken of an earlier response")
	}
	if lines[0] != orderID {
		return nil, badToken("is of another order")
	}
	if s.Token() != token {
		return nil, badToken("must be the resumeToken of an earlier response")
	}
	return s, nil
}

// tidy tells whether the spans are as Add leaves them.
func (s *Seen) tidy() bool {
	for _, spans := range s.topics {
		last := int64(-1)
		for _, in := range spans {
			if in.from < 1 || in.from > in.to || in.from <= last+1 || in.to > maxSequence {
				return false
			}
			last = in.to
		}
	}
	return true
}

func parseSpan(word string) (span, error) {
	first, last, ok := strings.Cut(word, "-")
	if !ok {
		last = first
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return span{}, err
	}
	to, err := strconv.ParseInt(last, 10, 64)
	return span{from, to}, err
}

// Ahead is the refusal of a token that tells of events which the order does not have.
func Ahead() error { return badToken("tells of events that the order does not have") }

func badToken(description string) error {
	return errs.Invalid(errs.Field{Name: "resumeToken", Rule: "resume_token", Description: description})
}
