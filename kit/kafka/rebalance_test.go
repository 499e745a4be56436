package kafka

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The broker goes away at the moment at which a member commits what it gives up: that holds the member for a while only.
func TestConsumerEndsThoughARebalanceCanNotCommit(t *testing.T) {
	b := newRestartable(t)
	b.topic(t, "orders", 2)
	p := b.producer(t)
	in := &inbox{}
	cfg := ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle, Log: testLog(t)}
	first, err := NewConsumer(b.Config, cfg)
	if err != nil {
		t.Fatal(err)
	}
	first.commitPause = time.Hour
	stop := run(t, first)
	send(t, p, numbered("orders", 10, 0, 20)...)
	eventually(t, "20 records handled", func() bool { return in.distinct() == 20 })
	eventually(t, "the first commit", func() bool { return len(b.cluster.GroupInfo(b.TopicPrefix+"g").Commits) > 0 })
	send(t, p, numbered("orders", 10, 20, 20)...)
	eventually(t, "40 records handled", func() bool { return in.distinct() == 40 })

	withheld := make(chan struct{}, 1)
	b.cluster.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		withheld <- struct{}{}
		return nil, nil, true
	})
	_, stopSecond := b.consume(t, cfg) // gets a partition of the first one's
	<-withheld
	b.stop()
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > revokeTime+leaveTime+5*time.Second {
		t.Errorf("Run ended after %v", took)
	}
	stopSecond()
	b.start() // lets go what still waits for an answer
	eventually(t, "the clients are closed", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !bytes.Contains(stacks, []byte("(*member).leave"))
	})
}
