package api

import (
	"context"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/etag"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// setETag sends a product's entity tag with the answer: its version. The stock is no part of it: it changes with every
// order.
func setETag(ctx context.Context, p *inventoryv1.Product) error {
	return etag.Send(ctx, etag.Of(p.GetVersion()))
}

// checkVersion refuses a change of a version that the caller's If-Match does not name.
func checkVersion(p *inventory.Product, ifMatch etag.Condition) error {
	return ifMatch.Check(etag.Of(p.Version), "product "+p.ID)
}
