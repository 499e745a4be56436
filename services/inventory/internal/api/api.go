// Package api has the gRPC methods of the inventory service: protobuf in, a decision of the domain, one transaction,
// protobuf out. The messages' own rules are checked before a method is called.
package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/auth"
	"orderflow.example/kit/etag"
	"orderflow.example/kit/idempotency"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/telemetry"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// Config is what the methods need.
type Config struct {
	DB    *sqldb.DB
	Store *store.Store

	ImportMaxRows int // of one ImportProducts, which remembers their ids
}

// Server implements InventoryService.
type Server struct {
	inventoryv1.UnimplementedInventoryServiceServer
	cfg Config
}

// New makes the server.
func New(cfg Config) *Server { return &Server{cfg: cfg} }

// CreateProduct adds a product. An id or SKU that is taken is AlreadyExists.
func (s *Server) CreateProduct(ctx context.Context, req *inventoryv1.CreateProductRequest) (*inventoryv1.Product, error) {
	return s.work(ctx, req, func(ctx context.Context, tx *sqldb.Tx, work *store.Work) (*inventory.Product, error) {
		if err := free(ctx, tx, work, req.GetProductId(), req.GetSku()); err != nil {
			return nil, err
		}
		product, events := inventory.Create(newProduct(req), auth.FromContext(ctx).Subject, work.Now())
		work.Add(product)
		return product, work.RecordProduct(cause(ctx), events...)
	})
}

// free refuses an id or a SKU that another product has.
func free(ctx context.Context, tx *sqldb.Tx, work *store.Work, id, sku string) error {
	if err := work.LoadProducts(ctx, id); err != nil {
		return err
	}
	if work.Shelf()[id] != nil {
		return store.ProductExists(id)
	}
	owner, err := store.SKUOwner(ctx, tx, sku)
	if err != nil {
		return err
	}
	if owner != "" {
		return store.SKUTaken(sku, owner)
	}
	return nil
}

// GetProduct reads a product and its stock.
func (s *Server) GetProduct(ctx context.Context, req *inventoryv1.GetProductRequest) (*inventoryv1.Product, error) {
	product, err := store.GetProduct(ctx, s.cfg.DB, req.GetProductId())
	if err != nil {
		return nil, err
	}
	message := productMessage(product)
	return message, setETag(ctx, message)
}

// UpdateProduct changes what the mask names. With If-Match it changes only the version that the caller has seen.
func (s *Server) UpdateProduct(ctx context.Context, req *inventoryv1.UpdateProductRequest) (*inventoryv1.Product, error) {
	update, err := updateOf(req)
	if err != nil {
		return nil, err
	}
	ifMatch, err := etag.IfMatch(ctx)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, req, req.GetProduct().GetId(), func(p *inventory.Product, work *store.Work) ([]inventory.Event, error) {
		if err := checkVersion(p, ifMatch); err != nil {
			return nil, err
		}
		return inventory.Update(p, update, work.Now())
	})
}

// AdjustStock adds pieces to the stock or takes them away. With If-Match it does so only to the version that the caller
// has seen.
func (s *Server) AdjustStock(ctx context.Context, req *inventoryv1.AdjustStockRequest) (*inventoryv1.Product, error) {
	ifMatch, err := etag.IfMatch(ctx)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, req, req.GetProductId(), func(p *inventory.Product, work *store.Work) ([]inventory.Event, error) {
		if err := checkVersion(p, ifMatch); err != nil {
			return nil, err
		}
		return inventory.Adjust(p, req.GetDelta(), req.GetReason(), auth.FromContext(ctx).Subject, work.Now())
	})
}

// change loads a product, decides, and stores what was decided.
func (s *Server) change(ctx context.Context, req proto.Message, id string, decide func(*inventory.Product, *store.Work) ([]inventory.Event, error)) (*inventoryv1.Product, error) {
	return s.work(ctx, req, func(ctx context.Context, _ *sqldb.Tx, work *store.Work) (*inventory.Product, error) {
		if err := work.LoadProducts(ctx, id); err != nil {
			return nil, err
		}
		changed := work.Shelf()[id]
		if changed == nil {
			return nil, store.ProductNotFound(id)
		}
		events, err := decide(changed, work)
		if err != nil {
			return nil, err
		}
		return changed, work.RecordProduct(cause(ctx), events...)
	})
}

// work runs a unit of work in a transaction, and answers with the product that it changed.
func (s *Server) work(ctx context.Context, req proto.Message, do func(context.Context, *sqldb.Tx, *store.Work) (*inventory.Product, error)) (*inventoryv1.Product, error) {
	message, err := idempotency.InTx(ctx, s.cfg.DB, req, func(ctx context.Context, tx *sqldb.Tx) (*inventoryv1.Product, error) {
		work := s.cfg.Store.Begin(tx)
		product, err := do(ctx, tx, work)
		if err != nil {
			return nil, err
		}
		if err := work.Flush(ctx); err != nil {
			return nil, err
		}
		return productMessage(product), nil
	})
	if err != nil {
		return nil, err
	}
	return message, setETag(ctx, message)
}

// cause of what a call does is no event, but the call's trace goes on.
func cause(ctx context.Context) store.Cause {
	return store.Cause{TraceParent: telemetry.TraceParent(ctx)}
}
