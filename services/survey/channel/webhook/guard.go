package webhook

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
)

// errPrivate is the error of an address that no request may go to.
var errPrivate = errors.New("the address is a private one")

// guard decides by the address that is really connected to, after names were looked up: a name that leads to the inside, or changes where
// it leads, reaches nothing.
type guard struct {
	loopback bool           // the address that was configured is of this machine
	networks []netip.Prefix // private networks that are allowed
}

// control is a net.Dialer's Control.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !g.allows(to.Addr()) {
		return errPrivate
	}
	return nil
}

func (g guard) allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	switch {
	case slices.ContainsFunc(g.networks, func(n netip.Prefix) bool { return n.Contains(a) }):
		return true
	case a.IsLoopback():
		return g.loopback
	case g.loopback: // this machine was configured, and nothing else
		return false
	}
	return !a.IsUnspecified() && !slices.ContainsFunc(closed, func(n netip.Prefix) bool { return n.Contains(a) })
}

// closed are the networks that are not public (IANA, IPv4 and IPv6 Special-Purpose Address Registries), and those that lead into such by
// translation.
var closed = func() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
		"fec0::/10", "ff00::/8",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}()
