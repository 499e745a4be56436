package server_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
	"orderflow.example/kit/telemetry"
)

// shelves is the service under the server. Each behaviour that a test needs has a name, which the request gives.
type shelves struct {
	watch func(*testpb.GetShelfRequest, grpc.ServerStreamingServer[testpb.Shelf]) error // in the place of WatchShelf

	testpb.UnimplementedShelfServiceServer
	entered chan struct{} // a call that blocks has begun
	release chan struct{} // ends calls that block
}

const secret = "password=hunter2 in /var/lib/secret" // stands for everything that must not be shown

func (s *shelves) CreateShelf(ctx context.Context, req *testpb.CreateShelfRequest) (*testpb.Shelf, error) {
	switch req.GetBehaviour() {
	case "panic":
		panic(secret)
	case "fail":
		return nil, io.ErrClosedPipe
	case "away":
		return nil, fmt.Errorf("%s: %w", secret, driver.ErrBadConn)
	case "refuse":
		return nil, errs.New(errs.FailedPrecondition, "SHELF_FULL", "the shelf is full").With("room", "r1").Retry(1500 * time.Millisecond).Wrap(io.ErrClosedPipe)
	case "conflict":
		return nil, errs.New(errs.AlreadyExists, "SHELF_EXISTS", "the shelf exists")
	case "deadline":
		s.entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	case "block":
		s.entered <- struct{}{}
		<-s.release
	}
	principal := auth.FromContext(ctx)
	md, _ := metadata.FromIncomingContext(ctx)
	return &testpb.Shelf{
		Id: strings.Join([]string{principal.Subject, server.RequestID(ctx), telemetry.TraceParent(ctx), strings.Join(md["idempotency-key"], ","), strings.Join(md["sneaky"], ",")}, "|"),
	}, nil
}

func (s *shelves) GetShelf(_ context.Context, req *testpb.GetShelfRequest) (*testpb.Shelf, error) {
	if req.GetId() == "none" {
		return nil, errs.New(errs.NotFound, "SHELF_NOT_FOUND", "there is no shelf %s", req.GetId())
	}
	return &testpb.Shelf{Id: req.GetId(), Status: testpb.Shelf_FULL}, nil
}

func (s *shelves) UpdateShelf(_ context.Context, req *testpb.UpdateShelfRequest) (*testpb.Shelf, error) {
	return req.GetShelf(), nil
}

func (s *shelves) ListShelves(_ context.Context, req *testpb.ListShelvesRequest) (*testpb.ListShelvesResponse, error) {
	return &testpb.ListShelvesResponse{Shelves: []*testpb.Shelf{{Id: req.GetFilter().GetRoomName(), Length: int64(req.GetPageSize())}}}, nil
}

func (s *shelves) WatchShelf(req *testpb.GetShelfRequest, stream grpc.ServerStreamingServer[testpb.Shelf]) error {
	if s.watch != nil {
		return s.watch(req, stream)
	}
	if req.GetId() == "panic" {
		panic(secret)
	}
	if err := stream.Send(&testpb.Shelf{Id: req.GetId()}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (s *shelves) ImportShelves(stream grpc.ClientStreamingServer[testpb.CreateShelfRequest, testpb.Shelf]) error {
	shelf := &testpb.Shelf{Id: auth.FromContext(stream.Context()).Subject}
	for {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(shelf)
		}
		if err != nil {
			return err
		}
		shelf.Length++
	}
}

var rules = map[string]auth.Rule{
	testpb.ShelfService_CreateShelf_FullMethodName:   {Roles: []string{auth.Customer}},
	testpb.ShelfService_GetShelf_FullMethodName:      {Public: true},
	testpb.ShelfService_UpdateShelf_FullMethodName:   {Roles: []string{"staff"}},
	testpb.ShelfService_ListShelves_FullMethodName:   {Public: true},
	testpb.ShelfService_WatchShelf_FullMethodName:    {Roles: []string{auth.Customer}},
	testpb.ShelfService_ImportShelves_FullMethodName: {Roles: []string{auth.Customer}},
}
