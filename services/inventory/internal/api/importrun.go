package api

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// maxRowBytes is more than a row within all of its limits has.
const maxRowBytes = 16 << 10

// importRun is what an import knows beside the row at hand.
type importRun struct {
	cfg          Config
	validateOnly bool
	fields       []string          // that rows change of products which are there
	rowOf        map[string]int32  // number of the row that has the product's id
	skus         map[string]string // with validateOnly: ids of the products that would have been created, by SKU
}

func newImportRun(cfg Config, options *inventoryv1.ImportOptions) *importRun {
	run := &importRun{cfg: cfg, validateOnly: options.GetValidateOnly(), fields: options.GetUpdateMask().GetPaths(), rowOf: map[string]int32{}, skus: map[string]string{}}
	if len(run.fields) == 0 {
		run.fields = []string{"name", "description", "price", "low_stock_threshold"}
	}
	return run
}

// apply does a group of rows in one transaction and returns their results in the same order. An error is the service's own.
func (r *importRun) apply(ctx context.Context, group []*inventoryv1.ImportRow) ([]*inventoryv1.ImportProductsResponse, error) {
	results := make([]*inventoryv1.ImportProductsResponse, 0, len(group))
	var good []*inventoryv1.ImportRow
	for _, row := range group {
		if err := r.check(row); err != nil {
			results = append(results, importFailed(row, err))
			continue
		}
		results = append(results, nil)
		good = append(good, row)
	}
	written, err := r.write(ctx, good)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if results[i] == nil {
			results[i], written = written[0], written[1:]
		}
	}
	return results, nil
}

// check holds a row against the rules that CreateProduct has, and refuses an id that a row before it has: applied one
// after the other, the two would undo each other each time the rows come again.
func (r *importRun) check(row *inventoryv1.ImportRow) error {
	if proto.Size(row) > maxRowBytes {
		return errs.New(errs.InvalidArgument, "ROW_TOO_LONG", "the row is longer than %d bytes", maxRowBytes)
	}
	if row.GetProduct() == nil {
		return errs.Invalid(errs.Field{Name: "product", Rule: "required", Description: "must be there"})
	}
	if err := protovalidate.Validate(row.GetProduct()); err != nil {
		return err
	}
	id := row.GetProduct().GetProductId()
	if earlier, taken := r.rowOf[id]; taken {
		return errs.New(errs.InvalidArgument, "DUPLICATE_ROW", "product %s is in row %d already", id, earlier).With("product_id", id)
	}
	r.rowOf[id] = row.GetNumber()
	return nil
}

// raceTries bounds how often a row may lose against other writers of the same id or SKU.
const raceTries = 3

// write does the rows together; when somebody else takes one of their ids or SKUs meanwhile, one by one.
func (r *importRun) write(ctx context.Context, rows []*inventoryv1.ImportRow) ([]*inventoryv1.ImportProductsResponse, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	results, err := r.inTx(ctx, rows)
	if !lostRace(err) {
		return results, err
	}
	results = results[:0]
	for row := range slices.Chunk(rows, 1) {
		result, err := r.inTx(ctx, row)
		for try := 1; lostRace(err) && try < raceTries; try++ {
			result, err = r.inTx(ctx, row)
		}
		if lostRace(err) {
			result, err = []*inventoryv1.ImportProductsResponse{importFailed(row[0], err)}, nil
		}
		if err != nil {
			return nil, err
		}
		results = append(results, result...)
	}
	return results, nil
}

func (r *importRun) inTx(ctx context.Context, rows []*inventoryv1.ImportRow) (results []*inventoryv1.ImportProductsResponse, err error) {
	var claimed map[string]string
	err = r.cfg.DB.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		group, err := r.load(ctx, tx, rows)
		if err != nil {
			return err
		}
		claimed = group.claimed
		results = make([]*inventoryv1.ImportProductsResponse, len(rows))
		for i, row := range rows {
			outcome, err := group.decide(ctx, row)
			switch {
			case err == nil:
				results[i] = importResult(row, outcome)
			case ownError(err):
				results[i] = importFailed(row, err)
			default:
				return err
			}
		}
		if r.validateOnly {
			return nil
		}
		return group.work.Flush(ctx)
	})
	if err == nil && r.validateOnly {
		maps.Copy(r.skus, claimed)
	}
	return results, err
}

// importGroup is what the rows of one transaction meet.
type importGroup struct {
	run     *importRun
	work    *store.Work
	owners  map[string]string // ids of the products that have the rows' SKUs
	claimed map[string]string // the same for those that this group creates
}

// load reads and locks the products that are there, and reads who has the SKUs.
func (r *importRun) load(ctx context.Context, tx *sqldb.Tx, rows []*inventoryv1.ImportRow) (*importGroup, error) {
	ids, skus := make([]string, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		ids[i], skus[i] = row.GetProduct().GetProductId(), row.GetProduct().GetSku()
	}
	group := &importGroup{run: r, work: r.cfg.Store.Begin(tx), claimed: map[string]string{}}
	if err := group.work.LoadProducts(ctx, ids...); err != nil {
		return nil, err
	}
	var err error
	group.owners, err = store.SKUOwners(ctx, tx, skus...)
	return group, err
}

func (g *importGroup) decide(ctx context.Context, row *inventoryv1.ImportRow) (inventoryv1.ImportOutcome_Value, error) {
	product := row.GetProduct()
	why := cause(ctx)
	why.Source = inventory.Imported
	known := g.work.Shelf()[product.GetProductId()]
	if known == nil {
		sku := product.GetSku()
		if owner := cmp.Or(g.owners[sku], g.claimed[sku], g.run.skus[sku]); owner != "" {
			return 0, store.SKUTaken(sku, owner)
		}
		created, events := inventory.Create(newProduct(product), auth.FromContext(ctx).Subject, g.work.Now())
		g.work.Add(created)
		g.claimed[sku] = created.ID
		return inventoryv1.ImportOutcome_CREATED, g.work.RecordProduct(why, events...)
	}
	events, err := inventory.Import(known, importedRow(product), g.run.update(product), g.work.Now())
	if err != nil {
		return 0, err
	}
	if len(events) == 0 {
		return inventoryv1.ImportOutcome_UNCHANGED, nil
	}
	return inventoryv1.ImportOutcome_UPDATED, g.work.RecordProduct(why, events...)
}

// importedRow is a row about a product that is there: what it does not say is not the default.
func importedRow(product *inventoryv1.CreateProductRequest) inventory.NewProduct {
	row := newProduct(product)
	row.Currency = product.GetCurrency()
	return row
}

func (r *importRun) update(product *inventoryv1.CreateProductRequest) inventory.ProductUpdate {
	var update inventory.ProductUpdate
	for _, field := range r.fields {
		switch field {
		case "name":
			update.Name = &product.Name
		case "description":
			update.Description = &product.Description
		case "price":
			update.Price = &product.Price
		case "low_stock_threshold":
			update.LowThreshold = &product.LowStockThreshold
		}
	}
	return update
}
