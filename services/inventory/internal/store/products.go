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

// ProductExists is the answer for an id that another product has.
func ProductExists(id string) error {
	return errs.New(errs.AlreadyExists, "PRODUCT_EXISTS", "product %s exists already", id).With("product_id", id)
}

// SKUTaken is the answer for a SKU that another product has.
func SKUTaken(sku, owner string) error {
	err := errs.New(errs.AlreadyExists, "SKU_EXISTS", "SKU %s is product %s's", sku, owner).With("product_id", owner).With("sku", sku)
	err.Fields = []errs.Field{{Name: "sku", Rule: "unique", Description: fmt.Sprintf("%s is product %s's", sku, owner)}}
	return err
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
	owners, err := SKUOwners(ctx, q, sku)
	return owners[sku], err
}

// SKUOwners are the ids of the products that have these SKUs, by SKU; what nobody has is missing.
func SKUOwners(ctx context.Context, q sqldb.Querier, skus ...string) (map[string]string, error) {
	type owner struct{ sku, id string }
	found, err := sqldb.CollectIn(ctx, q, func(row sqldb.Scanner) (o owner, err error) {
		err = row.Scan(&o.sku, &o.id)
		return o, err
	}, "SELECT sku, id FROM products WHERE sku", skus, "")
	if err != nil {
		return nil, fmt.Errorf("read owners of SKUs: %w", err)
	}
	owners := make(map[string]string, len(found))
	for _, o := range found {
		owners[o.sku] = o.id
	}
	return owners, nil
}

// ProductFilter says which products to list. What is empty filters nothing.
type ProductFilter struct {
	Archived bool // archived ones as well
	SKU      string
	Low      bool   // only those of which no more is available than their threshold
	After    string // id of the last product of the page before
	Limit    int
}

// ListProducts reads a page of products by id, and how many pass the filter on all pages.
func ListProducts(ctx context.Context, q sqldb.Querier, f ProductFilter) (page []*inventory.Product, total int64, err error) {
	where, from := &sqldb.Where{}, "products p"
	if !f.Archived {
		where.Add("NOT p.archived")
	}
	if f.SKU != "" {
		where.Add("p.sku = ?", f.SKU)
	}
	if f.Low {
		from += " JOIN stock s ON s.product_id = p.id"
		where.Add("s.on_hand - s.reserved <= s.low_threshold")
	}
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+from+where.String(), where.Args()...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count products: %w", err)
	}
	where.Add("p.id > ?", f.After)
	page, err = sqldb.Collect(ctx, q, scanProduct, selectProducts+where.String()+" ORDER BY p.id LIMIT "+where.Arg(f.Limit), where.Args()...)
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
