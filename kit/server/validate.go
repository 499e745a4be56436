package server

import (
	"context"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// validator holds each request against the rules in its .proto.
type validator struct{ protovalidate.Validator }

func newValidator() (validator, error) {
	v, err := protovalidate.New()
	return validator{v}, err
}

// reportAll is the size in bytes up to which a bad message gets all of its mistakes listed. A larger one gets the first only: a body full of
// small mistakes would cost seconds.
const reportAll = 16 << 10

func (v validator) check(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return nil
	}
	err := v.Validate(m, protovalidate.WithFailFast())
	if err == nil || proto.Size(m) > reportAll {
		return err
	}
	return v.Validate(m)
}

func (v validator) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := v.check(req); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (v validator) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, validatedStream{stream, v})
}

type validatedStream struct {
	grpc.ServerStream
	validator validator
}

func (s validatedStream) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil {
		return err
	}
	return s.validator.check(message)
}
