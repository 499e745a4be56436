package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkPOST is one POST over REST with all there is around it: connection, token, gateway, gRPC, validation, log, metrics. The client's part is in it, too.
func BenchmarkPOST(b *testing.B) {
	r := start(b)
	token := r.bearer()
	b.RunParallel(func(pb *testing.PB) {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for pb.Next() {
			req, err := http.NewRequest(http.MethodPost, r.http+"/v1/shelves", strings.NewReader(shelf))
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", token)
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				b.Fatal(resp.Status)
			}
		}
	})
}
