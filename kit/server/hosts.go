package server

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"orderflow.example/kit/errs"
)

// hosts are the names under which REST is answered. A request for another one was led here by a forged Host header or by a name that somebody
// else pointed at us. gRPC's :authority is not held to it: no browser can be led to speak gRPC, a client behind a balancer or a resolver
// sends whatever it dialled, and nothing here is built from the name.
type hosts struct {
	any   bool
	names map[string]bool
	ends  []string // ".example.com" of *.example.com
}

// loopbackHosts are answered when no list is given outside of development, or without authentication: a name that somebody points at
// loopback would let their page in a developer's browser read and do everything.
var loopbackHosts = []string{"localhost", "127.0.0.1", "::1"}

func checkHosts(list []string) error {
	for _, entry := range list {
		name := strings.TrimPrefix(entry, "*.")
		if host, port, err := net.SplitHostPort(name); err == nil && net.ParseIP(name) == nil && !strings.Contains(port, "/") {
			return fmt.Errorf("ALLOWED_HOSTS=%q: %q has a port, %q is enough", strings.Join(list, ","), entry, host)
		}
		if name == "" || strings.ContainsAny(name, "*/ @[]") {
			return fmt.Errorf("ALLOWED_HOSTS=%q: %q is no host such as api.example.com or *.example.com", strings.Join(list, ","), entry)
		}
	}
	return nil
}

func newHosts(list []string, environment string, authenticated bool) hosts {
	if len(list) == 0 && environment == development && authenticated {
		return hosts{any: true}
	}
	if len(list) == 0 {
		list = loopbackHosts
	}
	h := hosts{names: map[string]bool{}}
	for _, entry := range list {
		entry = strings.ToLower(entry)
		if end, ok := strings.CutPrefix(entry, "*"); ok {
			h.ends = append(h.ends, end)
			continue
		}
		h.names[entry] = true
	}
	return h
}

// allow takes a Host header; the port does not count.
func (h hosts) allow(host string) bool {
	if h.any {
		return true
	}
	host = strings.ToLower(strings.Trim(hostOf(host), "[]"))
	host = strings.TrimSuffix(host, ".")
	if h.names[host] {
		return true
	}
	for _, end := range h.ends {
		if strings.HasSuffix(host, end) && len(host) > len(end) {
			return true
		}
	}
	return false
}

// refuseHost does not repeat the name: it is the caller's text.
func refuseHost(w http.ResponseWriter, r *http.Request) {
	writeErrorAs(w, r, http.StatusMisdirectedRequest, errs.New(errs.InvalidArgument, "HOST_NOT_ALLOWED", "this service does not answer under the name that the Host header gives"))
}

func onLoopback(addr string) bool {
	host := hostOf(addr)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
