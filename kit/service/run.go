package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow.example/kit/idempotency"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/server"
	"orderflow.example/kit/timer"
)

// edgeMargin is how much longer than the server's own limit, which reads the same variable, its stage may take.
const edgeMargin = 5 * time.Second

// Run serves until ctx ends or a loop fails, then drains: no new calls, consumers leave their group, jobs under way
// end, the relay sends what was committed. It closes the database.
func (s *Service) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()

	s.API.Service, s.API.Version, s.API.Environment = s.Spec.Name, s.Spec.Version, s.Config.Environment
	s.API.Tracer = s.Telemetry.Tracer
	s.API.Log, s.API.Metrics = s.Log, s.Telemetry.Metrics
	srv, err := server.Listen(s.Config.Server, s.API)
	if err != nil {
		return err
	}
	s.server = srv
	srv.AddCheck("database", true, s.DB.Ping)
	if s.Redis != nil {
		srv.AddCheck("redis", false, s.Redis.Ping)
	}

	failed := make(chan error, 1)
	inner, edge := newStages(ctx, failed), newStages(ctx, failed)
	defer func() { err = errors.Join(err, inner.stop(s.Config.ShutdownTimeout)) }()
	defer func() { err = errors.Join(err, edge.stop(s.Config.ShutdownTimeout+edgeMargin)) }()
	// The ports answer from the start, not ready, so that a probe sees what the service waits for; they stop first.
	edge.start("server", srv.Run)
	if err := s.prepareBroker(ctx, failed); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while waiting for the broker or the registry
		}
		return err
	}
	consumers, err := s.startLoops(inner)
	if err != nil {
		return err
	}
	srv.AddCheck("consumers", true, func(context.Context) error { return assigned(consumers) })
	edge.start("readiness", func(ctx context.Context) error { return s.announce(ctx, consumers) })

	select {
	case <-ctx.Done():
		s.Log.Info("draining")
		return nil
	case err := <-failed:
		return err
	}
}

// prepareBroker makes sure of the topics and of the ids of every schema this service writes.
func (s *Service) prepareBroker(ctx context.Context, failed <-chan error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	prepared := make(chan error, 1)
	go func() { prepared <- s.askBroker(ctx) }()
	select {
	case err := <-prepared:
		return err
	case err := <-failed:
		cancel()
		<-prepared
		return err
	}
}

func (s *Service) askBroker(ctx context.Context) error {
	if s.Config.KafkaCreateTopics {
		topics := slices.Clone(s.Spec.Topics)
		for i := range topics {
			topics[i].Partitions = min(topics[i].Partitions, s.Config.KafkaPartitions)
		}
		if err := kafka.EnsureTopics(ctx, s.Config.Kafka, s.Config.KafkaReplication, topics); err != nil {
			return err
		}
	}
	var topics []string
	for _, p := range s.Processors {
		topics = append(topics, p.Topics()...)
	}
	if len(topics) > 0 {
		partitions, err := kafka.Partitions(ctx, s.Config.Kafka, topics)
		if err != nil {
			return err
		}
		s.partitions = partitions
	}
	close(s.bound)
	for topic, names := range s.Spec.Writes {
		if err := s.Codec.Resolve(ctx, topic, names...); err != nil {
			return err
		}
	}
	return nil
}

// startLoops starts the relay first, because it is to stop last.
func (s *Service) startLoops(stages *stages) ([]*kafka.Consumer, error) {
	producer, err := kafka.NewProducer(s.Config.Kafka, s.Spec.Name, s.Log, s.Telemetry.Metrics)
	if err != nil {
		return nil, err
	}
	relay := outbox.NewRelay(s.DB, producer, s.Log, s.Telemetry.Metrics)
	stages.start("relay", func(ctx context.Context) error {
		err := relay.Run(ctx)
		return errors.Join(err, producer.Close(context.WithoutCancel(ctx)))
	})

	var background []loop
	for _, worker := range s.Workers {
		background = append(background, worker.Run)
	}
	for _, t := range append(slices.Clone(s.Timers), s.forgetKeys()) {
		background = append(background, t.Run)
	}
	for _, p := range s.Processors {
		background = append(background, p.Run)
	}
	stages.start("background", background...)

	consumers := make([]*kafka.Consumer, 0, len(s.Processors))
	var reading []loop
	for _, p := range s.Processors {
		consumer, err := s.consumer(p)
		if err != nil {
			return nil, err
		}
		consumers = append(consumers, consumer)
		reading = append(reading, consumer.Run)
	}
	stages.start("consumers", reading...)
	return consumers, nil
}

// forgetKeys ends the day of idempotency keys.
func (s *Service) forgetKeys() *timer.Timer {
	return &timer.Timer{Name: "idempotency_keys", Every: time.Hour, Now: s.DB.Now, Log: s.Log,
		Fire: func(ctx context.Context, now time.Time) (int, error) {
			return idempotency.Purge(ctx, s.DB, now.Add(-idempotency.Kept))
		},
	}
}

func (s *Service) consumer(p *inbox.Processor) (*kafka.Consumer, error) {
	return kafka.NewConsumer(s.Config.Kafka, kafka.ConsumerConfig{
		Group:   s.Spec.Name,
		Topics:  p.Topics(),
		Handle:  p.Process,
		Passed:  p.Passed,
		Log:     s.Log,
		Metrics: s.Telemetry.Metrics,
	})
}

func assigned(consumers []*kafka.Consumer) error {
	for _, c := range consumers {
		if !c.Ready() {
			return fmt.Errorf("no partitions assigned yet")
		}
	}
	return nil
}

// announce tells those who wait that the service is ready, as soon as every consumer has partitions.
func (s *Service) announce(ctx context.Context, consumers []*kafka.Consumer) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for assigned(consumers) != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	s.server.SetStarted()
	s.Log.Info("ready")
	close(s.ready)
	return nil
}
