package api

import (
	"errors"
	"io"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"

	"orderflow.example/kit/errs"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// importedAtOnce is the most rows of a transaction: orders wait for no more than one.
const importedAtOnce = 200

type importStream = grpc.BidiStreamingServer[inventoryv1.ImportProductsRequest, inventoryv1.ImportProductsResponse]

// ImportProducts creates and updates products row by row. While a transaction runs, the next rows gather for the one
// behind it, so that a fast client is written in groups and a slow one is answered at once.
func (s *Server) ImportProducts(stream importStream) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	run := newImportRun(s.cfg, first.GetOptions())
	incoming := &importRows{stream: stream, limit: s.cfg.ImportMaxRows, rows: make(chan *inventoryv1.ImportRow, importedAtOnce)}
	go incoming.receive(first)
	for {
		group := incoming.group()
		if len(group) == 0 {
			return incoming.err
		}
		results, err := run.apply(stream.Context(), group)
		if err != nil {
			return err
		}
		for _, result := range results {
			if err := stream.Send(result); err != nil {
				return err
			}
		}
	}
}

// importRows are the rows that have come and were not taken yet.
type importRows struct {
	stream importStream
	limit  int
	rows   chan *inventoryv1.ImportRow
	err    error // why there are no more, once rows is closed; nil: the client has sent them all
}

// receive ends with the stream, whose context ends at the latest when its method has returned.
func (r *importRows) receive(first *inventoryv1.ImportProductsRequest) {
	defer close(r.rows)
	next := first
	for count := 0; ; {
		switch message := next.GetMessage().(type) {
		case *inventoryv1.ImportProductsRequest_Row:
			if count++; count > r.limit {
				r.err = errs.New(errs.ResourceExhausted, "IMPORT_TOO_LONG", "an import has at most %d rows", r.limit).With("limit", strconv.Itoa(r.limit)).NoRetry()
				return
			}
			select {
			case r.rows <- message.Row:
			case <-r.stream.Context().Done():
				r.err = r.stream.Context().Err()
				return
			}
		case *inventoryv1.ImportProductsRequest_Options:
			if next != first {
				r.err = errs.Invalid(errs.Field{Name: "options", Rule: "import.options_first", Description: "come once, before all rows"})
				return
			}
		default:
			r.err = errs.Invalid(errs.Field{Name: "message", Rule: "required", Description: "must be options or a row"})
			return
		}
		var err error
		if next, err = r.stream.Recv(); err != nil {
			if !errors.Is(err, io.EOF) {
				r.err = err
			}
			return
		}
	}
}

// group waits for a row and takes those that are there with it; none when there are no more.
func (r *importRows) group() []*inventoryv1.ImportRow {
	first, ok := <-r.rows
	if !ok {
		return nil
	}
	group := []*inventoryv1.ImportRow{first}
	for len(group) < importedAtOnce {
		select {
		case row, ok := <-r.rows:
			if !ok {
				return group
			}
			group = append(group, row)
		default:
			return group
		}
	}
	return group
}

// importFailed is the result of a row that nothing was done for.
func importFailed(row *inventoryv1.ImportRow, err error) *inventoryv1.ImportProductsResponse {
	e := errs.From(err)
	result := importResult(row, inventoryv1.ImportOutcome_FAILED)
	result.Error = &inventoryv1.ImportError{Code: e.Code.String(), Reason: e.Reason, Message: e.Message, Metadata: e.Metadata}
	for _, detail := range errs.Status(e).Details() {
		bad, _ := detail.(*errdetails.BadRequest)
		for _, f := range bad.GetFieldViolations() {
			result.Error.FieldViolations = append(result.Error.FieldViolations, &inventoryv1.ImportFieldViolation{
				Field: f.GetField(), Description: f.GetDescription(), Reason: f.GetReason(),
			})
		}
	}
	return result
}

func importResult(row *inventoryv1.ImportRow, outcome inventoryv1.ImportOutcome_Value) *inventoryv1.ImportProductsResponse {
	return &inventoryv1.ImportProductsResponse{Number: row.GetNumber(), ProductId: row.GetProduct().GetProductId(), Outcome: outcome}
}

// ownError tells an answer to a row from a failure of the service.
func ownError(err error) bool {
	var own *errs.Error
	return errors.As(err, &own)
}

// lostRace tells that somebody else took an id or a SKU between our look and our write.
func lostRace(err error) bool {
	var own *errs.Error
	return errors.As(err, &own) && own.Code == errs.AlreadyExists
}
