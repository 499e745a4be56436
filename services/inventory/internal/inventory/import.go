package inventory

import (
	"time"

	"orderflow.example/kit/errs"
)

// Import brings a product that is there to what a row of an import says: the update, which has the row's values of what
// the import may change. SKU and currency stay; a row without a currency names none. The stock is not touched: it has
// moved since the row was written.
func Import(p *Product, row NewProduct, update ProductUpdate, now time.Time) ([]Event, error) {
	var fixed []errs.Field
	if row.SKU != p.SKU {
		fixed = append(fixed, errs.Field{Name: "sku", Rule: "immutable", Description: "is " + p.SKU + " and can't be changed"})
	}
	if row.Currency != "" && row.Currency != p.Currency {
		fixed = append(fixed, errs.Field{Name: "currency", Rule: "immutable", Description: "is " + p.Currency + " and can't be changed"})
	}
	if len(fixed) > 0 {
		return nil, errs.Invalid(fixed...)
	}
	return Update(p, update, now)
}
