package platform

import (
	"net"
	"testing"

	"orderflow.example/dev/platform"
)

// freePorts are ports that stay the same when a platform is stopped and started again.
func freePorts(t *testing.T) platform.Ports {
	t.Helper()
	var open []net.Listener
	defer func() {
		for _, l := range open {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	free := func() int {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, l)
		return l.Addr().(*net.TCPAddr).Port
	}
	p := platform.Ports{
		Kafka: free(), Registry: free(), Issuer: free(), Provider: free(), SMTP: free(), Mails: free(), Webhooks: free(),
	}
	for i := range platform.Services {
		p.REST[i], p.GRPC[i], p.Admin[i] = free(), free(), free()
	}
	return p
}
