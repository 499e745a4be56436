// Package access tests who may do what: every RPC of every service, over gRPC and over REST, with every kind of token.
// What is expected follows from the RPCs' own descriptors, so that a new RPC is tested, or fails, by itself.
package access
