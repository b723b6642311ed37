// Package webhook is the channel to a system of the organisation's own, which brings the invitation in its app, chat or telephone menu. Requests
// are signed as Standard Webhooks (standardwebhooks.com) has it.
package webhook

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// Config of the system. The zero value is not configured.
type Config struct {
	URL        string        `yaml:"url"`         // https; http of this machine alone
	SecretFile string        `yaml:"secret_file"` // file of the key, whsec_ and base64 of 24 to 64 bytes; a second line holds the old one while it is changed
	Private    []string      `yaml:"private"`     // private networks that it may be in, as 10.1.0.0/16; empty: none
	Timeout    time.Duration `yaml:"timeout"`     // longest wait for it; 0: 15 s
}

// Configured tells whether there is a system.
func (c *Config) Configured() bool { return c.URL != "" }

// check fills in defaults.
func (c *Config) check() (*url.URL, []netip.Prefix, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, nil, fault.Field("url", "no https address", "Give that of the system which brings invitations.")
	case u.User != nil || u.Fragment != "":
		return nil, nil, fault.Field("url", "it holds a user or a fragment", "Leave them out: the signature tells who calls.")
	case u.Scheme == "http" && !channel.Loopback(u.Hostname()):
		return nil, nil, fault.Field("url", "http, to another machine", "Use https: invitations hold personal data.")
	}
	var networks []netip.Prefix
	for _, text := range c.Private {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, nil, fault.Field("private", "no network", "Write networks as 10.1.0.0/16 or fd00::/8.")
		}
		networks = append(networks, network.Masked())
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.Timeout < 0 {
		return nil, nil, fault.Field("timeout", "negative", "Use a time above 0.")
	}
	return u, networks, nil
}

// keys reads the file of the keys, the newest first.
func (c *Config) keys() ([][]byte, error) {
	text, err := channel.ReadSecret("secret_file", c.SecretFile)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for line := range strings.Lines(text) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(line), "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, fault.Field("secret_file", "it holds no key", "Write whsec_ and 24 to 64 random bytes in base64, one key a line.")
		}
		all = append(all, key)
	}
	if len(all) > 2 {
		return nil, fault.Field("secret_file", "it holds more than two keys", "Leave the new one and the old one.")
	}
	return all, nil
}
