package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
)

const (
	selectProducts = `SELECT p.id, p.sku, p.name, p.description, p.price, p.currency, p.version, p.archived, p.created_at, p.updated_at,
		s.on_hand, s.reserved, s.initial, s.adjustments, s.committed, s.returned, s.low_threshold, s.sequence
		FROM products p JOIN stock s ON s.product_id = p.id `

	insertProduct  = "INSERT INTO products (id, sku, name, description, price, currency, version, archived, created_at, updated_at) VALUES "
	unlessThere    = " ON CONFLICT DO NOTHING"
	updateProduct  = " ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, price = excluded.price, version = excluded.version, archived = excluded.archived, updated_at = excluded.updated_at"
	productColumns = 10

	insertStock = "INSERT INTO stock (product_id, on_hand, reserved, initial, adjustments, committed, returned, low_threshold, sequence) VALUES "
	updateStock = ` ON CONFLICT (product_id) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved,
		adjustments = excluded.adjustments, committed = excluded.committed, returned = excluded.returned,
		low_threshold = excluded.low_threshold, sequence = excluded.sequence`
	stockColumns = 9
)

// ProductNotFound is the answer for a product that is not there.
func ProductNotFound(id string) error {
	return errs.New(errs.NotFound, "PRODUCT_NOT_FOUND", "there is no product %s", id).With("product_id", id)
}

// GetProduct reads a product and its stock.
func GetProduct(ctx context.Context, q sqldb.Querier, id string) (*inventory.Product, error) {
	p, err := scanProduct(q.QueryRowContext(ctx, selectProducts+"WHERE p.id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ProductNotFound(id)
	}
	if err != nil {
		return nil, fmt.Errorf("read product %s: %w", id, err)
	}
	return p, nil
}

// SKUOwner is the id of the product that has the SKU, empty when none has.
func SKUOwner(ctx context.Context, q sqldb.Querier, sku string) (string, error) {
	var id string
	err := q.QueryRowContext(ctx, "SELECT id FROM products WHERE sku = $1", sku).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read SKU %s: %w", sku, err)
	}
	return id, nil
}

// ProductFilter says which products to list.
type ProductFilter struct {
	Archived bool   // archived ones as well
	After    string // id of the last product of the page before
	Limit    int
}

// ListProducts reads a page of products by id, and how many pass the filter on all pages.
func ListProducts(ctx context.Context, q sqldb.Querier, f ProductFilter) (page []*inventory.Product, total int64, err error) {
	const passes = "($1 OR NOT archived)"
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM products WHERE "+passes, f.Archived).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count products: %w", err)
	}
	page, err = sqldb.Collect(ctx, q, scanProduct, selectProducts+"WHERE "+passes+" AND p.id > $2 ORDER BY p.id LIMIT $3", f.Archived, f.After, f.Limit)
	if err != nil {
		return nil, 0, fmt.Errorf("list products: %w", err)
	}
	return page, total, nil
}

func scanProduct(row sqldb.Scanner) (*inventory.Product, error) {
	var p inventory.Product
	s := &p.Stock
	err := row.Scan(&p.ID, &p.SKU, &p.Name, &p.Description, &p.Price, &p.Currency, &p.Version, &p.Archived, sqldb.Instant(&p.CreatedAt), sqldb.Instant(&p.UpdatedAt),
		&s.OnHand, &s.Reserved, &s.Initial, &s.Adjustments, &s.Committed, &s.Returned, &s.LowThreshold, &s.Sequence)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

func productRow(p *inventory.Product) []any {
	return []any{p.ID, p.SKU, p.Name, p.Description, p.Price, p.Currency, p.Version, p.Archived, sqldb.Micros(p.CreatedAt), sqldb.Micros(p.UpdatedAt)}
}

func stockRow(p *inventory.Product) []any {
	s := p.Stock
	return []any{p.ID, s.OnHand, s.Reserved, s.Initial, s.Adjustments, s.Committed, s.Returned, s.LowThreshold, s.Sequence}
}
