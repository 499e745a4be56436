// Package schemas holds every event's Avro schema, as registered in the Schema Registry, and the topics that carry them.
package schemas

import "embed"

//go:generate go run ./internal/generate
//go:generate go run ./internal/catalogue

// Files holds avsc/<service>/<Event>.avsc.
//
//go:embed avsc
var Files embed.FS

// Catalogue holds the catalogue of all topics and events: asyncapi.json for programs, events.html for people. Both are generated.
//
//go:embed asyncapi.json events.html
var Catalogue embed.FS
