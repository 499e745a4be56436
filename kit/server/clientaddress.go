package server

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

const forwardedHeader = "x-forwarded-for"

// proxies are those whose word about a client's address is taken. Nobody else's is: anybody can send the header.
type proxies []netip.Prefix

// parseProxies reads addresses and CIDR ranges.
func parseProxies(texts []string) (proxies, error) {
	var p proxies
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("TRUSTED_PROXIES=%q: must be addresses or ranges such as 10.0.0.0/8, separated by commas", text)
		}
		p = append(p, prefix.Masked())
	}
	return p, nil
}

func (p proxies) trust(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// client is who calls: the other end of the connection or, when that is a proxy of ours, the last address before our proxies that the header
// names. Each proxy adds at the end whom it was called by, so what stands further to the front may be made up.
func (p proxies) client(remote string, forwarded []string) string {
	addr, err := netip.ParseAddr(hostOf(remote))
	if err != nil {
		return hostOf(remote)
	}
	addr = plain(addr)
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && p.trust(addr); i-- {
		before, err := netip.ParseAddr(hostOf(strings.TrimSpace(hops[i])))
		if err != nil {
			break
		}
		addr = plain(before)
	}
	return addr.String()
}

// plain writes an address in one way only.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func (p proxies) ofRequest(r *http.Request) string {
	return p.client(r.RemoteAddr, r.Header.Values(forwardedHeader))
}

// ofCall is for a call that came over gRPC itself. For one of our own gateway it tells nothing.
func (p proxies) ofCall(ctx context.Context) string {
	remote, _ := caller(ctx)
	return p.client(remote, metadata.ValueFromIncomingContext(ctx, forwardedHeader))
}
