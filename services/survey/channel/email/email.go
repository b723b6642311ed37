package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// Channel sends e-mails, each over a connection of its own.
type Channel struct {
	config   Config
	password string
	tls      *tls.Config
	writer   *Writer
}

// New makes the channel.
func New(c Config) (*Channel, error) {
	password, trusted, err := c.check()
	if err != nil {
		return nil, err
	}
	writer, err := NewWriter(c.From, c.ReplyTo)
	if err != nil {
		return nil, err
	}
	return &Channel{c, password, trusted, writer}, nil
}

// Medium implements channel.Channel.
func (c *Channel) Medium() gate.Medium { return gate.Email }

// Send implements channel.Channel. Its receipt holds the Message-ID, which is the same for every attempt. A server that takes a
// message and does not say so in time gets it again.
func (c *Channel) Send(ctx context.Context, m *channel.Message) (channel.Receipt, error) {
	if err := channel.Check(m, gate.Email); err != nil {
		return channel.Receipt{}, err
	}
	msg, err := c.writer.build(m, time.Now())
	if err != nil {
		return channel.Receipt{}, err
	}
	client, closed, err := c.client(ctx)
	if err != nil {
		return channel.Receipt{}, err
	}
	defer closed()
	if err := client.DialWithContext(ctx); err != nil {
		return channel.Receipt{}, c.refused(ctx, err)
	}
	err = client.Send(msg)
	// Once the server took it, what fails afterwards undoes nothing.
	if err != nil && !msg.IsDelivered() {
		return channel.Receipt{}, c.refused(ctx, err)
	}
	_ = client.Close()
	return channel.Receipt{ProviderID: channel.ProviderID(messageID(m, c.config.From))}, nil
}

// client makes one for one message. The library minds the context while it connects; the rest of the talk ends with it because the
// connection is closed.
func (c *Channel) client(ctx context.Context) (*mail.Client, func(), error) {
	closed := func() {}
	options := []mail.Option{
		mail.WithPort(c.config.Port),
		mail.WithTimeout(c.config.Timeout),
		mail.WithTLSConfig(c.tls.Clone()),
		mail.WithTLSPolicy(mail.TLSMandatory),
		mail.WithoutNoop(),
		mail.WithDialContextFunc(func(dial context.Context, network, address string) (net.Conn, error) {
			var conn net.Conn
			var err error
			if c.config.TLS == implicit {
				conn, err = (&tls.Dialer{Config: c.tls}).DialContext(dial, network, address)
			} else {
				conn, err = (&net.Dialer{}).DialContext(dial, network, address)
			}
			if err != nil {
				return nil, err
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			closed = func() {
				stop()
				_ = conn.Close()
			}
			return conn, nil
		}),
	}
	switch c.config.TLS {
	case implicit:
		options = append(options, mail.WithSSL())
	case noTLS:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if c.config.User != "" {
		ways := []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin}
		if c.config.TLS == noTLS { // on loopback
			ways = []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc}
		}
		options = append(options, mail.WithOpportunisticSMTPAuth(ways...), mail.WithUsername(c.config.User), mail.WithPassword(c.password))
	}
	client, err := mail.NewClient(c.config.Host, options...)
	if err != nil {
		return nil, nil, channel.Later("The settings of the mail server are not usable.")
	}
	return client, func() { closed() }, nil
}

// refused puts an error of the library into words. A server's own words may hold the address, and are left out.
func (c *Channel) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return channel.Unreachable(ctx, "The mail server", err)
	}
	var sent *mail.SendError
	if errors.As(err, &sent) {
		code := sent.ErrorCode()
		said := fmt.Sprintf("(code %d", code)
		if e := sent.EnhancedStatusCode(); e != "" {
			said += ", " + e
		}
		said += ")."
		switch {
		case code == 0:
		case code/100 == 4:
			return channel.Later("The mail server puts it off " + said)
		case code == 503, code == 530, code == 535, code == 538, sent.Reason == mail.ErrSMTPMailFrom:
			// It concerns the account and the sender, and so every message.
			return channel.Later("The mail server does not take messages from this sender " + said)
		case sent.Reason == mail.ErrSMTPRcptTo:
			return channel.Refused("The mail server refuses the recipient " + said)
		default:
			return channel.Refused("The mail server refuses the message " + said)
		}
	}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return channel.Later(fmt.Sprintf("The mail server does not let us in (code %d): look at its user and password.", reply.Code))
	}
	switch text := err.Error(); { // the library has no other sign of these
	case strings.Contains(text, "does not support STARTTLS"):
		return channel.Later("The mail server offers no STARTTLS: set tls to implicit, or use another server.")
	case strings.Contains(text, "does not support SMTP AUTH"), errors.Is(err, mail.ErrNoSupportedAuthDiscovered):
		return channel.Later("The mail server offers no way to log in that we know: SCRAM-SHA-256, PLAIN or LOGIN.")
	}
	return channel.Unreachable(ctx, "The mail server", err)
}
