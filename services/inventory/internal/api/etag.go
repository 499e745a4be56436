package api

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/errs"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// etag is a product's version as an HTTP entity tag. The stock is no part of it: it changes with every order.
func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// setETag sends a product's entity tag with the answer.
func setETag(ctx context.Context, p *inventoryv1.Product) error {
	return grpc.SetHeader(ctx, metadata.Pairs("etag", etag(p.GetVersion())))
}

// checkVersion refuses a change of a version that the caller's If-Match does not name.
func checkVersion(ctx context.Context, p *inventory.Product) error {
	headers := metadata.ValueFromIncomingContext(ctx, "if-match")
	if len(headers) == 0 {
		return nil
	}
	for _, tag := range strings.Split(strings.Join(headers, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag(p.Version) {
			return nil
		}
	}
	return errs.New(errs.Aborted, "ETAG_MISMATCH", "product %s has changed: it is version %d now", p.ID, p.Version).
		With("product_id", p.ID).With("etag", etag(p.Version))
}
