// Package demo does the platform's main job on files of products and orders, over the API that everybody uses.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"orderflow.example/dev/catalogue"
	"orderflow.example/dev/issuer"
	"orderflow.example/dev/platform"
	"orderflow.example/dev/rest"
)

// atOnce is how many calls the demonstration has under way.
const atOnce = 16

// Seed loads the built-in catalogue and tells how many products are new. They can be ordered when it returns.
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

// load imports the products and tells how many of them were new. Those that are there already get the file's names and
// prices; their stock stays.
func load(ctx context.Context, client *rest.Client, products []catalogue.Product) (int, error) {
	var file bytes.Buffer
	if err := catalogue.WriteProducts(&file, products); err != nil {
		return 0, err
	}
	created, whole := 0, false
	err := client.PostForLines(ctx, "/v1/products:import", "text/csv", file.Bytes(), func(line []byte) error {
		var result importResult
		if err := json.Unmarshal(line, &result); err != nil {
			return fmt.Errorf("import of products: %w", err)
		}
		switch {
		case result.Error != nil:
			return fmt.Errorf("product %q: %s", result.ProductID, result.Error.Message)
		case result.Summary != nil:
			whole, created = true, result.Summary.Created
		}
		return nil
	})
	if err == nil && !whole {
		err = errors.New("import of products: the answer is not whole")
	}
	return created, err
}

// importResult is a line of an import's answer: what became of a product, or, last, of all.
type importResult struct {
	ProductID string
	Error     *struct{ Message string }
	Summary   *struct{ Created int }
}
