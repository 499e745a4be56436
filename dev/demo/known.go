package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"orderflow.example/dev/catalogue"
	"orderflow.example/dev/issuer"
	"orderflow.example/dev/platform"
	"orderflow.example/dev/rest"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// catalogueDelay is how long a product that was just created may take to be known to the order service.
const catalogueDelay = 15 * time.Second

// awaitKnown returns once the order service sells every product: it hears of them by events. It asks with an expected
// total that can't be right, so that no order is placed: the refusal tells whether the product is known.
func awaitKnown(ctx context.Context, a platform.Addresses, signer *issuer.Signer, products []catalogue.Product) error {
	token, err := platform.Token(signer, "catalogue-loader", "service")
	if err != nil {
		return err
	}
	client := rest.New(a.ByService["order"].REST, token)
	deadline := time.Now().Add(catalogueDelay)
	for _, p := range products {
		if err := awaitOne(ctx, client, p, deadline); err != nil {
			return err
		}
	}
	return nil
}

func awaitOne(ctx context.Context, client *rest.Client, p catalogue.Product, deadline time.Time) error {
	question := fmt.Appendf(nil, `{"userId":"catalogue-loader","items":[{"productId":%q,"quantity":1}],"currency":%q,"expectedTotal":%d}`, p.ID, p.Currency, p.Price+1)
	for {
		err := client.Post(ctx, "/v1/orders", question, &orderv1.Order{})
		var refused *rest.Refused
		switch {
		case !errors.As(err, &refused):
			return err
		case !strings.Contains(refused.Body, "PRODUCT_EXISTS"):
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("the order service has not heard of product %s within %s", p.ID, catalogueDelay)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
