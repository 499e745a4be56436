package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"orderflow.example/inventory/internal/productcsv"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/server"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// ImportRoute is POST /v1/products:import: a CSV file of at most so many bytes comes in, a line of JSON for each row goes
// out. The file is on disk before its first row is done, for many clients read nothing of an answer before all of their
// body is sent.
func ImportRoute(maxBytes int64) server.Route {
	return server.Route{
		Method: http.MethodPost, Path: "/v1/products:import",
		Accepts: []string{"text/csv"}, MaxBodyBytes: maxBytes, Upload: true,
		Serve: func(w http.ResponseWriter, r *http.Request, in server.RouteInput) error {
			dryRun, err := dryRunIn(r.URL.Query())
			if err != nil {
				return err
			}
			client := inventoryv1.NewInventoryServiceClient(in.Conn)
			if err := mayImport(r.Context(), client); err != nil {
				return err
			}
			file, err := spool(r.Body)
			if err != nil {
				return err
			}
			defer file.Close() //nolint:errcheck // it has been read, and has no name any more
			products, err := productcsv.New(file)
			if err != nil {
				return err
			}
			return importFile(r.Context(), client, products, dryRun, newImportAnswer(w))
		},
	}
}

// dryRunIn refuses any other parameter: a misspelt dryRun would write.
func dryRunIn(query url.Values) (dryRun bool, err error) {
	for name, values := range query {
		switch {
		case name != "dryRun":
			return false, errs.Invalid(errs.Field{Name: name, Rule: "unknown_field", Description: "is not a parameter of this request"})
		case len(values) > 1 || values[0] != "true" && values[0] != "false":
			return false, errs.Invalid(errs.Field{Name: name, Rule: "type", Description: "must be true or false"})
		}
		dryRun = values[0] == "true"
	}
	return dryRun, nil
}

// mayImport imports nothing, so that a caller without the right is told before the file is sent.
func mayImport(ctx context.Context, client inventoryv1.InventoryServiceClient) error {
	stream, err := client.ImportProducts(ctx)
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// spool writes the body to a file in the directory for temporary ones. The file has no name, and goes when it is closed.
func spool(body io.Reader) (*os.File, error) {
	file, err := os.CreateTemp("", "import-*.csv")
	if err != nil {
		return nil, fmt.Errorf("keep the file of an import: %w", err)
	}
	err = os.Remove(file.Name())
	if err == nil {
		_, err = io.Copy(file, body)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = file.Close() // what matters is why it can't be read
		return nil, err
	}
	return file, nil
}

// pendingAtOnce bounds the rows that were read and not answered yet.
const pendingAtOnce = 2 * importedAtOnce

// importFile sends the rows and answers each when it is done, in the order of the file.
func importFile(ctx context.Context, client inventoryv1.InventoryServiceClient, products *productcsv.Reader, dryRun bool, answer *importAnswer) error {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := client.ImportProducts(ctx)
	if err != nil {
		cancel()
		return err
	}
	pending := make(chan productcsv.Row, pendingAtOnce)
	var sendErr error // once pending is closed
	go func() {
		defer close(pending)
		sendErr = sendRows(stream, products, dryRun, pending)
	}()
	defer func() {
		cancel()
		for range pending { // until the sender has ended: the file is closed next
		}
	}()
	for row := range pending {
		var result *inventoryv1.ImportProductsResponse
		if row.Err == nil {
			if result, err = stream.Recv(); err != nil {
				return answer.cut(err)
			}
		}
		if err := answer.row(row, result); err != nil {
			return err
		}
	}
	if sendErr != nil {
		return answer.cut(sendErr)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return answer.cut(err)
	}
	return answer.summary(dryRun)
}

// sendRows sends what could be read as a product. Why the stream ended too early is for its reader to find.
func sendRows(stream inventoryv1.InventoryService_ImportProductsClient, products *productcsv.Reader, dryRun bool, pending chan<- productcsv.Row) error {
	options := &inventoryv1.ImportOptions{ValidateOnly: dryRun, UpdateMask: &fieldmaskpb.FieldMask{Paths: products.Updatable()}}
	err := stream.Send(&inventoryv1.ImportProductsRequest{Message: &inventoryv1.ImportProductsRequest_Options{Options: options}})
	for err == nil {
		var row productcsv.Row
		row, err = products.Next()
		if errors.Is(err, io.EOF) {
			return stream.CloseSend()
		}
		if err != nil {
			return err
		}
		if row.Err == nil {
			sent := &inventoryv1.ImportRow{Number: row.Number, Product: row.Product}
			err = stream.Send(&inventoryv1.ImportProductsRequest{Message: &inventoryv1.ImportProductsRequest_Row{Row: sent}})
		}
		select {
		case pending <- row:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
