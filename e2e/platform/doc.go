// Package platform tests the whole of Orderflow as its users meet it: one process, the real broker protocol, REST and
// gRPC over ports, the files of the data directory. Nothing is simulated but the world outside.
package platform
