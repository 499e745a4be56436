// Package openapi holds the OpenAPI 3 description of each service's REST interface: generated from its .proto files, completed by overlay/.
package openapi

import "embed"

// Files holds order.json, inventory.json, payment.json and notifier.json.
//
//go:embed *.json
var Files embed.FS
