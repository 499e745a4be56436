package kafka

import (
	"errors"
	"fmt"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrClosed is returned by Send after Close.
var ErrClosed = errors.New("kafka: the producer is closed")

// SendError says which record ended a Send, and why.
type SendError struct {
	Index      int // of the record in the slice given to Send
	Topic, Key string
	Err        error
}

func (e *SendError) Error() string {
	return fmt.Sprintf("kafka: record %d (topic %s, key %s) was not taken: %v", e.Index, e.Topic, e.Key, e.Err)
}

func (e *SendError) Unwrap() error { return e.Err }

// IsRefused tells whether err says that a record will never be taken as it is: too large, invalid, against a policy.
// All else is worth sending again, an unknown topic and missing rights too: an operator repairs those, and until then
// no record must be passed over.
func IsRefused(err error) bool {
	kafkaErr, ok := errors.AsType[ck.Error](err)
	if !ok {
		return false
	}
	switch kafkaErr.Code() {
	case ck.ErrMsgSizeTooLarge, ck.ErrRecordListTooLarge, ck.ErrInvalidRecord, ck.ErrInvalidTimestamp,
		ck.ErrPolicyViolation, ck.ErrTopicException, ck.ErrInvalidArg:
		return true
	default:
		return false
	}
}

// isShared tells whether a broker answered err to all records of a batch because of some of them.
func isShared(err error) bool {
	kafkaErr, ok := errors.AsType[ck.Error](err)
	return IsRefused(err) || ok && kafkaErr.Code() == ck.ErrInvalidDifferentRecord
}

// isConsequence tells whether a record failed only because Send gave up on another one.
func isConsequence(err error) bool {
	kafkaErr, ok := errors.AsType[ck.Error](err)
	return ok && (kafkaErr.Code() == ck.ErrPurgeQueue || kafkaErr.Code() == ck.ErrPurgeInflight || kafkaErr.Code() == ck.ErrFatal)
}
