// Package sms is the channel of text messages: Twilio's HTTP interface, which other providers have as well.
package sms

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// Config of the provider. The zero value is not configured.
type Config struct {
	URL       string        `yaml:"url"`        // of the provider; empty: https://api.twilio.com
	Account   string        `yaml:"account"`    // SID of the account
	TokenFile string        `yaml:"token_file"` // file that holds the account's auth token, by which callbacks are signed too
	From      string        `yaml:"from"`       // number or name of the sender, or the SID of a messaging service (MG…)
	Callback  string        `yaml:"callback"`   // public address of Handler, to which the provider reports; empty: it does not
	Segments  int           `yaml:"segments"`   // most segments of a message, each of which is paid for; 0: 5
	Timeout   time.Duration `yaml:"timeout"`    // longest wait for the provider; 0: 15 s
}

// Configured tells whether there is a provider.
func (c *Config) Configured() bool { return c.Account != "" }

var accountSID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check fills in defaults.
func (c *Config) check() error {
	if c.URL == "" {
		c.URL = "https://api.twilio.com"
	}
	if !address(c.URL) {
		return fault.Field("url", "no https address", "Give that of the provider; http is for this machine alone.")
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	if c.Callback != "" {
		if !address(c.Callback) {
			return fault.Field("callback", "no https address", "Give the public one under which the provider reaches this service.")
		}
		c.Callback = strings.TrimSuffix(c.Callback, "/")
	}
	if !accountSID.MatchString(c.Account) {
		return fault.Field("account", "no account SID", "Copy it from the provider's console.")
	}
	if c.From == "" {
		return fault.Field("from", "missing", "Give the sender's number or name, or the SID of a messaging service.")
	}
	if c.Segments == 0 {
		c.Segments = 5
	}
	if c.Segments < 1 || c.Segments > 10 {
		return fault.Field("segments", "not 1 to 10", "Use the most that a message may cost.")
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.Timeout < 0 {
		return fault.Field("timeout", "negative", "Use a time above 0.")
	}
	return nil
}

// address tells whether a text is an https address without query, user or fragment; http of this machine is one.
func address(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && channel.Loopback(u.Hostname()))
}
