package store

import (
	"context"
	"fmt"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
)

const (
	insertProduct = "INSERT INTO products (id, sku, name, price, currency, version, archived) VALUES "
	updateProduct = ` ON CONFLICT (id) DO UPDATE SET sku = excluded.sku, name = excluded.name, price = excluded.price,
		currency = excluded.currency, version = excluded.version, archived = excluded.archived
		WHERE products.version < excluded.version`
	productColumns = 7
)

// SaveProducts puts products into the read model, except those of which it has the same or a higher version.
func SaveProducts(ctx context.Context, tx *sqldb.Tx, products []order.Product) error {
	newest := make(map[string]order.Product, len(products))
	ids := make([]string, 0, len(products))
	for _, p := range products {
		known, seen := newest[p.ID]
		if !seen {
			ids = append(ids, p.ID)
		}
		if !seen || known.Version < p.Version {
			newest[p.ID] = p // one statement may not touch a row twice
		}
	}
	args := make([]any, 0, len(ids)*productColumns)
	for _, id := range ids {
		p := newest[id]
		args = append(args, p.ID, p.SKU, p.Name, p.Price, p.Currency, p.Version, p.Archived)
	}
	if _, err := sqldb.ExecRows(ctx, tx, insertProduct, productColumns, updateProduct, args); err != nil {
		return fmt.Errorf("save products: %w", err)
	}
	return nil
}

// Products reads the products of these ids that the read model knows, archived ones included.
func Products(ctx context.Context, q sqldb.Querier, ids []string) (map[string]order.Product, error) {
	products := make(map[string]order.Product, len(ids))
	all, err := sqldb.CollectIn(ctx, q, scanProduct,
		"SELECT id, sku, name, price, currency, version, archived FROM products WHERE id", ids, "")
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	for _, p := range all {
		products[p.ID] = p
	}
	return products, nil
}

func scanProduct(row sqldb.Scanner) (p order.Product, err error) {
	err = row.Scan(&p.ID, &p.SKU, &p.Name, &p.Price, &p.Currency, &p.Version, &p.Archived)
	return p, err
}
