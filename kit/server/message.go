package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/errs"
)

// grpc-go answers a message that it can't read by itself, before any interceptor and without details. So here reading does not fail: what is wrong
// with a message stands beside it in its frame, and becomes an error within the interceptors, which render, log and count it.
//
// Three things stay grpc-go's own, as bare statuses: a message of more than oversized times the limit (it must not even be held in memory), a
// message compressed by an algorithm that is not there, and a path that is no /service/method.

// oversized is up to how many times the limit a message is read, to be refused with details.
const oversized = 2

var errMalformedMessage = errs.New(errs.InvalidArgument, "MALFORMED_MESSAGE", "the message is not of the type that the method takes")

// frame is where a message is read to.
type frame struct {
	into    any
	refused error // nil: into is filled
}

// frameCodec is protobuf, into frames.
type frameCodec struct {
	encoding.CodecV2
	limit int64
	log   *slog.Logger
}

func newFrameCodec(limit int64, log *slog.Logger) frameCodec {
	return frameCodec{encoding.GetCodecV2(proto.Name), limit, log}
}

// Unmarshal implements encoding.CodecV2.
func (c frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if int64(data.Len()) > c.limit {
		f.refused = errBodyTooLarge(c.limit)
	} else if err := c.CodecV2.Unmarshal(data, f.into); err != nil {
		f.refused = errMalformedMessage.Wrap(err)
	}
	return nil
}

// Marshal implements encoding.CodecV2. It fails for an answer with a text that is not UTF-8: a fault of ours, of which the caller learns no more.
func (c frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := c.CodecV2.Marshal(v)
	if err != nil {
		c.log.Error("an answer can't be encoded", "error", err)
		return nil, errors.New("an internal error occurred")
	}
	return data, nil
}

// unread is what is wrong with a message that gRPC itself has given up on.
func unread(err error) error {
	if status.Code(err) == codes.ResourceExhausted {
		return errs.New(errs.ResourceExhausted, errs.ReasonBodyTooLarge, "the message is much too large").Wrap(err)
	}
	return err
}

// registrar has the unary methods of a server read frames.
type registrar struct{ *grpc.Server }

// RegisterService implements grpc.ServiceRegistrar.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	framed := *desc
	framed.Methods = slices.Clone(desc.Methods)
	for i := range framed.Methods {
		framed.Methods[i].Handler = readFrame(desc.Methods[i].Handler)
	}
	r.Server.RegisterService(&framed, impl)
}

type refusedKey struct{}

// readFrame lets the interceptors see a call whose message could not be read; refuseUnread then refuses it.
func readFrame(handle grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, read func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		var refused error
		readFrame := func(message any) error {
			f := frame{into: message}
			if err := read(&f); err != nil {
				refused = unread(err)
				return nil
			}
			refused = f.refused
			return nil
		}
		return handle(srv, ctx, readFrame, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if refused != nil {
				ctx = context.WithValue(ctx, refusedKey{}, refused)
			}
			return interceptor(ctx, req, info, handler)
		})
	}
}

// refuseUnread stands behind the authentication, like all that tells of a message.
func refuseUnread(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if refused, ok := ctx.Value(refusedKey{}).(error); ok {
		return nil, refused
	}
	return handler(ctx, req)
}

// readFrames does for streams what readFrame does for calls.
func readFrames(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, framedStream{stream})
}

type framedStream struct{ grpc.ServerStream }

func (s framedStream) RecvMsg(message any) error {
	f := frame{into: message}
	if err := s.ServerStream.RecvMsg(&f); err != nil {
		return unread(err)
	}
	return f.refused
}
