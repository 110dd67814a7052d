package hookpost

import "net/netip"

// closed are the networks that are none of the public Internet's, or that lead into one
// another way (IANA's registries of special-purpose addresses, RFC 6890). What IPv6 has
// outside 2000::/3 needs no line: it is closed.
var closed = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

var global6 = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// reachable says whether a message may be carried to an address.
func (p *Poster) reachable(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, n := range p.c.Networks {
		if n.Contains(a) {
			return true
		}
	}
	if !a.IsValid() || a.Is6() && !global6.Contains(a) {
		return false
	}
	for _, n := range closed {
		if n.Contains(a) {
			return false
		}
	}
	return true
}
