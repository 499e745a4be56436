package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"orderflow.example/kit/avro"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
)

// Why a message is parked.
const (
	reasonGap         = "gap"          // an earlier message of its key has not arrived
	reasonBehind      = "behind"       // an earlier message of its key is parked
	reasonRefused     = "refused"      // by the handler
	reasonUnknownType = "unknown_type" // neither handled nor ignored
	reasonUndecodable = "undecodable"
	reasonEnvelope    = "envelope" // no CloudEvents headers, or broken ones
)

// trouble is why a message can't be applied. When it is final, trying again is of no use.
type trouble struct {
	reason string
	cause  error
	final  bool
}

// lane is what keeps its order: the messages of a key in a topic.
type lane struct{ topic, key string }

// item is a message on its way through a Processor.
type item struct {
	Message
	lane     lane
	ignored  bool
	trouble  *trouble
	parkedID int64 // 0: it comes from the broker
	attempts int   // so far, of a parked one
}

// prepare reads and decodes a record, outside of any transaction. Its error is transient: the batch must wait.
func (p *Processor) prepare(ctx context.Context, record kafka.Record) (*item, error) {
	message, err := open(record)
	if err != nil {
		return withoutEnvelope(message, err), nil //nolint:nilerr // the message has the trouble, not the batch
	}
	it := &item{Message: message, lane: lane{record.Topic, record.Key}}
	switch {
	case p.ignores[message.Type]:
		it.ignored = true
	case !p.handles[message.Type]:
		it.trouble = &trouble{reasonUnknownType, fmt.Errorf("type %s is neither handled nor ignored", storable(message.Type)), false}
	default:
		it.Data, err = p.cfg.Decode(ctx, record.Topic, record.Value)
		// Only the codec's word counts: io.ErrUnexpectedEOF is a lost connection to a database, and a cut value here.
		if err != nil && avro.IsTransient(err) {
			return nil, fmt.Errorf("inbox: decode %s/%d/%d: %w", record.Topic, record.Partition, record.Offset, err)
		}
		if err != nil {
			it.trouble = &trouble{reasonUndecodable, err, true}
		}
	}
	return it, nil
}

// withoutEnvelope is a message that blocks nobody: its key is its place in the topic.
func withoutEnvelope(message Message, cause error) *item {
	message.ID, message.Sequence = "", 0
	own := fmt.Sprintf("%s/%d/%d", message.Topic, message.Partition, message.Offset)
	return &item{Message: message, lane: lane{message.Topic, own}, trouble: &trouble{reasonEnvelope, cause, true}}
}

// isTransient tells whether the same work may succeed later, whatever the message.
func isTransient(err error) bool {
	return sqldb.IsTransient(err) || avro.IsTransient(err) || isContextEnd(err)
}

func isContextEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isTransientIn is isTransient for an error that a handler gave in tx. An end of input and a net.Error are what a lost
// connection gives, and what code gives that reads a cut value or a bad address: then the connection itself is asked.
func isTransientIn(ctx context.Context, tx *sqldb.Tx, err error) bool {
	if !isTransient(err) || isContextEnd(err) || avro.IsTransient(err) {
		return isTransient(err)
	}
	var network net.Error
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &network) {
		return true // the database names itself
	}
	var one int
	return isTransient(tx.QueryRowContext(ctx, "SELECT 1").Scan(&one))
}
