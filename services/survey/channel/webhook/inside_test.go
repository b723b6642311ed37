package webhook

import (
	"encoding/base64"
	"net/netip"
	"testing"
	"time"
)

// The vector of the specification's reference libraries.
func TestSignatureVector(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	timestamp, signature := sign([][]byte{key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if timestamp != "1614265330" || signature != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s %s", timestamp, signature)
	}
}

func TestGuard(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	for name, x := range map[string]struct {
		g       guard
		address string
		may     bool
	}{
		"public":                    {guard{}, "93.184.216.34:443", true},
		"public, IPv6":              {guard{}, "[2606:2800:220:1::1]:443", true},
		"private":                   {guard{}, "10.1.2.3:443", false},
		"private and allowed":       {guard{networks: networks}, "10.1.2.3:443", true},
		"private and not allowed":   {guard{networks: networks}, "10.2.2.3:443", false},
		"written as IPv6, allowed":  {guard{networks: networks}, "[::ffff:10.1.2.3]:443", true},
		"unique local, allowed":     {guard{networks: networks}, "[fd00::1]:443", true},
		"unique local":              {guard{}, "[fd00::1]:443", false},
		"link local with a zone":    {guard{}, "[fe80::1%eth0]:443", false},
		"a name that leads inside":  {guard{}, "127.0.0.1:443", false},
		"loopback, configured":      {guard{loopback: true}, "127.0.0.1:443", true},
		"loopback IPv6, configured": {guard{loopback: true}, "[::1]:443", true},
		"public where loopback is":  {guard{loopback: true}, "93.184.216.34:443", false},
		"private where loopback is": {guard{loopback: true}, "10.1.2.3:443", false},
		"no address":                {guard{}, "crm.example:443", false},
	} {
		if err := x.g.control("tcp", x.address, nil); (err == nil) != x.may {
			t.Errorf("%s: %v", name, err)
		}
	}
}
