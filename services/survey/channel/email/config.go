// Package email is the channel of e-mail: SMTP with TLS.
package email

import (
	"crypto/tls"
	"crypto/x509"
	"net/mail"
	"os"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// Config of the server by which e-mails leave. The zero value is not configured.
type Config struct {
	Host         string        `yaml:"host"`          // name of the server
	Port         int           `yaml:"port"`          // 0: 587, or 465 with implicit TLS
	TLS          string        `yaml:"tls"`           // starttls (the default), implicit, or none, which only a server on loopback may have
	CAFile       string        `yaml:"ca_file"`       // certificates that are trusted besides the system's, PEM
	User         string        `yaml:"user"`          // empty: no authentication
	PasswordFile string        `yaml:"password_file"` // file that holds the password
	From         string        `yaml:"from"`          // address of the sender
	ReplyTo      string        `yaml:"reply_to"`      // address for replies; empty: the sender's
	Timeout      time.Duration `yaml:"timeout"`       // longest wait for the server; 0: 30 s
}

// Configured tells whether there is a server.
func (c *Config) Configured() bool { return c.Host != "" }

const (
	startTLS = "starttls"
	implicit = "implicit"
	noTLS    = "none"
)

// check fills in defaults, and reads the files.
func (c *Config) check() (password string, trusted *tls.Config, err error) {
	if c.Host == "" {
		return "", nil, fault.Field("host", "missing", "Name the mail server.")
	}
	if c.TLS == "" {
		c.TLS = startTLS
	}
	port := 587
	switch c.TLS {
	case startTLS:
	case implicit:
		port = 465
	case noTLS:
		if !channel.Loopback(c.Host) {
			return "", nil, fault.Field("tls", "none, for a server elsewhere", "Use starttls or implicit: passwords and addresses would be readable on the way.")
		}
	default:
		return "", nil, fault.Field("tls", "unknown", "Use starttls, implicit or none.")
	}
	if c.Port == 0 {
		c.Port = port
	}
	if c.Port < 1 || c.Port > 65535 {
		return "", nil, fault.Field("port", "no port", "Use 1 to 65535.")
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Timeout < 0 {
		return "", nil, fault.Field("timeout", "negative", "Use a time above 0.")
	}
	if c.User != "" {
		if password, err = channel.ReadSecret("password_file", c.PasswordFile); err != nil {
			return "", nil, err
		}
	}
	trusted = &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return "", nil, fault.Field("ca_file", "it cannot be read", "Name a file of certificates that this process may read.")
		}
		if trusted.RootCAs, err = x509.SystemCertPool(); err != nil {
			trusted.RootCAs = x509.NewCertPool()
		}
		if !trusted.RootCAs.AppendCertsFromPEM(pem) {
			return "", nil, fault.Field("ca_file", "it holds no certificate", "Name a file of certificates in PEM.")
		}
	}
	return password, trusted, nil
}

// bare tells whether a text is one address and nothing else.
func bare(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text && len(text) <= 254
}
