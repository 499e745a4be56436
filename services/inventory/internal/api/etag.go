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
func etag(p *inventory.Product) string { return strconv.Quote(strconv.FormatInt(p.Version, 10)) }

// answer is a product with its entity tag.
func answer(ctx context.Context, p *inventory.Product) (*inventoryv1.Product, error) {
	if err := grpc.SetHeader(ctx, metadata.Pairs("etag", etag(p))); err != nil {
		return nil, err
	}
	return productMessage(p), nil
}

// checkVersion refuses a change of a version that the caller's If-Match does not name.
func checkVersion(ctx context.Context, p *inventory.Product) error {
	headers := metadata.ValueFromIncomingContext(ctx, "if-match")
	if len(headers) == 0 {
		return nil
	}
	for _, tag := range strings.Split(strings.Join(headers, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag(p) {
			return nil
		}
	}
	return errs.New(errs.Aborted, "ETAG_MISMATCH", "product %s has changed: it is version %d now", p.ID, p.Version).
		With("product_id", p.ID).With("etag", etag(p))
}
