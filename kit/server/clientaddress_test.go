package server

import "testing"

func TestClientAddress(t *testing.T) {
	for _, tt := range []struct {
		name      string
		proxies   []string
		remote    string
		forwarded []string
		want      string
	}{
		{"direct", nil, "192.0.2.7:1234", nil, "192.0.2.7"},
		{"nobody is believed by default", nil, "192.0.2.7:1234", []string{"1.1.1.1"}, "192.0.2.7"},
		{"a stranger is not believed", []string{"10.0.0.0/8"}, "192.0.2.7:1234", []string{"1.1.1.1"}, "192.0.2.7"},
		{"a proxy is", []string{"10.0.0.0/8"}, "10.1.2.3:1234", []string{"192.0.2.7"}, "192.0.2.7"},
		{"what the client made up is not", []string{"10.0.0.0/8"}, "10.1.2.3:1234", []string{"1.1.1.1, 192.0.2.7"}, "192.0.2.7"},
		{"two proxies", []string{"10.0.0.0/8", "172.16.0.1"}, "10.1.2.3:1234", []string{"1.1.1.1, 192.0.2.7,172.16.0.1"}, "192.0.2.7"},
		{"the header in parts", []string{"10.0.0.0/8"}, "10.1.2.3:1234", []string{"1.1.1.1", "192.0.2.7, 10.9.9.9"}, "192.0.2.7"},
		{"all are proxies", []string{"10.0.0.0/8"}, "10.1.2.3:1234", []string{"10.0.0.1"}, "10.0.0.1"},
		{"a proxy that says nothing", []string{"10.0.0.0/8"}, "10.1.2.3:1234", nil, "10.1.2.3"},
		{"nonsense", []string{"10.0.0.0/8"}, "10.1.2.3:1234", []string{"1.1.1.1, unknown"}, "10.1.2.3"},
		{"with a port", []string{"10.0.0.0/8"}, "10.1.2.3:1234", []string{"192.0.2.7:99, [2001:db8::1]:99"}, "2001:db8::1"},
		{"IPv4 in IPv6", []string{"10.0.0.0/8"}, "[::ffff:10.1.2.3]:1234", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		{"a zone", nil, "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"no address at all", nil, "bufconn", []string{"1.1.1.1"}, "bufconn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parseProxies(tt.proxies)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.client(tt.remote, tt.forwarded); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// The owner of an IPv6 network has more addresses than there is memory.
func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "bufconn": "bufconn",
	} {
		if got := network(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
