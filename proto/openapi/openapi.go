// Package openapi holds the OpenAPI 2.0 description of each service's REST interface, generated from its .proto files.
package openapi

import "embed"

// Files holds order.swagger.json, inventory.swagger.json, payment.swagger.json and notifier.swagger.json.
//
//go:embed *.swagger.json
var Files embed.FS
