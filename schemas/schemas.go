// Package schemas holds every event's Avro schema, as registered in the Schema Registry, and the topics that carry them.
package schemas

import "embed"

//go:generate go run ./internal/generate

// Files holds avsc/<service>/<Event>.avsc.
//
//go:embed avsc
var Files embed.FS
