// Package outbox writes messages into a folder, so that they can be looked at and nothing leaves. While sending is off it stands in
// for every medium.
package outbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/email"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// Config of the folder.
type Config struct {
	Dir string `yaml:"dir"` // folder of the messages; made where it is missing
}

// Channel writes the messages of one medium.
type Channel struct {
	dir    string
	medium gate.Medium
	writer *email.Writer
	now    func() time.Time
}

// New makes the channel that stands in for a medium. from is the sender's address in e-mails, and now the clock.
func New(c Config, medium gate.Medium, from string, now func() time.Time) (*Channel, error) {
	if c.Dir == "" {
		return nil, fault.Field("dir", "missing", "Name the folder for messages that are not sent.")
	}
	// Messages hold addresses: nobody else may read them.
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	w, err := email.NewWriter(from, "")
	if err != nil {
		return nil, err
	}
	return &Channel{c.Dir, medium, w, now}, nil
}

// Medium implements channel.Channel.
func (c *Channel) Medium() gate.Medium { return c.medium }

// Send implements channel.Channel. The file is there whole or not at all, named by the time and the message's id, an e-mail as .eml and
// all else as .txt. Its receipt names the file.
func (c *Channel) Send(ctx context.Context, m *channel.Message) (channel.Receipt, error) {
	if err := channel.Check(m, c.medium); err != nil {
		return channel.Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return channel.Receipt{}, channel.Unreachable(ctx, "The outbox", err)
	}
	now := c.now().UTC()
	var b bytes.Buffer
	extension := ".txt"
	if c.medium == gate.Email {
		extension = ".eml"
		if err := c.writer.Write(&b, m, now); err != nil {
			return channel.Receipt{}, err
		}
	} else {
		write(&b, m)
	}
	name := now.Format("20060102T150405.000Z") + "-" + m.ID + extension
	if err := c.put(name, b.Bytes()); err != nil {
		return channel.Receipt{}, channel.Later("The message could not be written into the outbox: look at its folder's rights and room.")
	}
	return channel.Receipt{ProviderID: name, Delivered: true}, nil
}

// put writes a file under another name first, which nobody takes for a message.
func (c *Channel) put(name string, data []byte) error {
	f, err := os.CreateTemp(c.dir, ".writing-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(c.dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is left of it holds an address
	}
	return err
}

// write shows a message as text.
func write(b *bytes.Buffer, m *channel.Message) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s: %s\n", name, strings.Join(strings.Fields(value), " "))
		}
	}
	line("id", m.ID)
	line("medium", m.Medium.String())
	line("name", m.Contact.Name)
	line("phone", m.Contact.Phone)
	line("e-mail", m.Contact.Email)
	line("language", m.Language)
	line("from", m.Sender())
	line("subject", m.Subject)
	line("link", m.Link)
	line("stop", m.Stop)
	fmt.Fprintf(b, "\n%s\n", m.Text)
	if q := m.Question; q != nil {
		fmt.Fprintf(b, "\n%s\n", q.Text)
		for _, p := range q.Points {
			fmt.Fprintf(b, "  %s  %s\n", p.Label, p.Link)
		}
	}
}
