// Package demo does the platform's main job on files of products and orders, over the API that everybody uses.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"orderflow.example/dev/catalogue"
	"orderflow.example/dev/issuer"
	"orderflow.example/dev/platform"
	"orderflow.example/dev/rest"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// atOnce is how many calls the demonstration has under way.
const atOnce = 16

// Seed loads the built-in catalogue, except for what is there already, and tells how many products it loaded. They can
// be ordered when it returns.
func Seed(ctx context.Context, p *platform.Platform) (int, error) {
	client, err := inventoryClient(p.Addresses, p.Issuer.Signer)
	if err != nil {
		return 0, err
	}
	products, err := catalogue.ReadProducts(strings.NewReader(catalogue.ProductsCSV))
	if err != nil {
		return 0, err
	}
	n, err := load(ctx, client, products)
	if err != nil || n == 0 {
		return n, err
	}
	return n, awaitKnown(ctx, p.Addresses, p.Issuer.Signer, products)
}

func inventoryClient(a platform.Addresses, signer *issuer.Signer) (*rest.Client, error) {
	token, err := platform.Token(signer, "catalogue-loader", "catalogue")
	if err != nil {
		return nil, err
	}
	return rest.New(a.ByService["inventory"].REST, token), nil
}

// load creates the products that are not there yet, and tells how many those were.
func load(ctx context.Context, client *rest.Client, products []catalogue.Product) (int, error) {
	created := make([]bool, len(products))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, p := range products {
		group.Go(func() error {
			err := client.PostMessage(ctx, "/v1/products", &inventoryv1.CreateProductRequest{
				ProductId: p.ID, Sku: p.SKU, Name: p.Name, Price: p.Price, Currency: p.Currency,
				InitialStock: p.Stock, LowStockThreshold: p.LowStockThreshold,
			}, &inventoryv1.Product{})
			var refused *rest.Refused
			if errors.As(err, &refused) && refused.Code == http.StatusConflict {
				return nil
			}
			if err != nil {
				return fmt.Errorf("product %s: %w", p.ID, err)
			}
			created[i] = true
			return nil
		})
	}
	err := group.Wait()
	n := 0
	for _, c := range created {
		if c {
			n++
		}
	}
	return n, err
}
