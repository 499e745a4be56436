package kafka

import (
	"context"
	"fmt"
	"log/slog"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
)

// Producer sends records with an idempotent client. Its Send calls follow one another.
type Producer struct {
	conf    ck.ConfigMap
	prefix  string
	log     *slog.Logger
	metrics producerMetrics

	turn   chan struct{} // holds one token; who has it may use the fields below
	client *producerClient
	closed bool
}

// NewProducer makes a producer. It does not wait for the brokers. metrics may be nil.
func NewProducer(cfg Config, clientID string, log *slog.Logger, metrics prometheus.Registerer) (*Producer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Producer{
		conf:    producerConf(cfg, clientID),
		prefix:  cfg.TopicPrefix,
		log:     log,
		metrics: newProducerMetrics(metrics),
		turn:    make(chan struct{}, 1),
	}
	client, err := newProducerClient(p.conf, log)
	if err != nil {
		return nil, err
	}
	p.client = client
	p.turn <- struct{}{}
	return p, nil
}

func producerConf(cfg Config, clientID string) ck.ConfigMap {
	conf := cfg.client(clientID)
	conf["enable.idempotence"] = true
	conf["acks"] = "all"
	conf["partitioner"] = "murmur2_random" // as Java clients
	conf["message.timeout.ms"] = 0         // a broker that is away is waited for; Send's context bounds the wait
	// A batch that a broker refuses stops the client. Without this, librdkafka leaves the batch out, and later records
	// of a key may be written before Send has learnt of the refusal.
	conf["enable.gapless.guarantee"] = true
	conf["compression.type"] = "lz4"
	conf["linger.ms"] = 10 // fewer and fuller requests; what comes meanwhile makes the next Send fuller
	conf["queue.buffering.max.messages"] = 100_000
	conf["queue.buffering.max.kbytes"] = 65_536
	conf["go.delivery.report.fields"] = "none"
	conf["go.events.channel.size"] = 100 // the default reserves 16 MB
	conf["go.produce.channel.size"] = 0
	return conf
}

// Close waits for a Send under way, or for ctx, and ends the client.
func (p *Producer) Close(ctx context.Context) error {
	if err := p.takeTurn(ctx); err != nil {
		return fmt.Errorf("kafka: close producer: %w", err)
	}
	defer p.endTurn()
	p.closed = true
	p.discardClient()
	return nil
}

func (p *Producer) takeTurn(ctx context.Context) error {
	select {
	case <-p.turn: // free, so Close works with a context that has ended
		return nil
	default:
	}
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Producer) endTurn() { p.turn <- struct{}{} }

// usableClient returns the client, a new one if the last was discarded or has failed for good.
func (p *Producer) usableClient() (*producerClient, error) {
	if p.closed {
		return nil, ErrClosed
	}
	if p.client != nil && p.client.GetFatalError() != nil {
		p.discardClient()
	}
	if p.client == nil {
		client, err := newProducerClient(p.conf, p.log)
		if err != nil {
			return nil, err
		}
		p.client = client
	}
	return p.client, nil
}

func (p *Producer) discardClient() {
	if p.client != nil {
		p.client.close()
		p.client = nil
	}
}

// producerClient is a librdkafka client with the goroutine that reads its events.
type producerClient struct {
	*ck.Producer // not Close: use close
	stopLogs     func()
	done         chan struct{}
}

func newProducerClient(shared ck.ConfigMap, log *slog.Logger) (*producerClient, error) {
	conf := make(ck.ConfigMap, len(shared)+2)
	for key, value := range shared {
		conf[key] = value
	}
	stopLogs := forwardLogs(conf, log)
	producer, err := ck.NewProducer(&conf)
	if err != nil {
		stopLogs()
		return nil, fmt.Errorf("kafka: new producer: %w", err)
	}
	c := &producerClient{Producer: producer, stopLogs: stopLogs, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		for event := range producer.Events() {
			if err, ok := event.(ck.Error); ok {
				logClientError(log, producer.String(), err)
			}
		}
	}()
	return c, nil
}

func (c *producerClient) close() {
	c.Close()
	<-c.done
	c.stopLogs()
}
