package kafka

import (
	"context"
	"errors"
	"fmt"
	"testing"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func TestIsRefused(t *testing.T) {
	code := func(c ck.ErrorCode) error {
		return fmt.Errorf("wrapped: %w", &SendError{Err: ck.NewError(c, "", false)})
	}
	for _, refused := range []ck.ErrorCode{ck.ErrMsgSizeTooLarge, ck.ErrRecordListTooLarge, ck.ErrInvalidRecord, ck.ErrTopicException, ck.ErrPolicyViolation} {
		if !IsRefused(code(refused)) {
			t.Errorf("%v is not refused", refused)
		}
	}
	for _, again := range []error{
		nil, errors.New("other"), context.Canceled, code(ck.ErrUnknownTopic), code(ck.ErrUnknownTopicOrPart), code(ck.ErrTopicAuthorizationFailed),
		code(ck.ErrInvalidDifferentRecord), code(ck.ErrPurgeQueue), code(ck.ErrFatal), code(ck.ErrNotEnoughReplicas), code(ck.ErrTransport),
	} {
		if IsRefused(again) {
			t.Errorf("%v is refused", again)
		}
	}
}
