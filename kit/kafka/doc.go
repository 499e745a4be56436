// Package kafka produces and consumes records in batches. It is the only package that imports confluent-kafka-go
// (librdkafka by way of cgo).
//
// Delivery is at least once in both directions: a record may come twice, never out of its key's order in a way that
// loses one. What reads the records skips duplicates by the sequence that each carries.
package kafka
