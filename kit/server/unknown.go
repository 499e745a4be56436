package server

import (
	"google.golang.org/grpc"

	"orderflow.example/kit/errs"
)

// methodUnknown is the label of calls of methods that are not there: what a caller makes up is no label.
const methodUnknown = "unknown"

var errMethodUnknown = errs.New(errs.Unimplemented, "METHOD_UNKNOWN", "there is no such method")

// methods are the full names of those that are registered.
type methods map[string]bool

func methodsOf(server *grpc.Server) methods {
	all := methods{}
	for service, info := range server.GetServiceInfo() {
		for _, method := range info.Methods {
			all["/"+service+"/"+method.Name] = true
		}
	}
	return all
}

func (m methods) label(method string) string {
	if m[method] {
		return method
	}
	return methodUnknown
}

// serveUnknown has grpc-go lead an unknown method through the interceptors, where it is rendered, logged and counted as the others are.
func serveUnknown(any, grpc.ServerStream) error { return errMethodUnknown }

// refuseUnknown stands before the authentication, which would say that the method is forbidden.
func (s *Server) refuseUnknown(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if !s.methods[info.FullMethod] {
		return errMethodUnknown
	}
	return handler(srv, stream)
}
