// Package all makes the channels that are configured. While sending is off it makes none: everything goes into the outbox.
package all

import (
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/email"
	"github.com/touchstone-cx/touchstone/services/survey/channel/link"
	"github.com/touchstone-cx/touchstone/services/survey/channel/outbox"
	"github.com/touchstone-cx/touchstone/services/survey/channel/sms"
	"github.com/touchstone-cx/touchstone/services/survey/channel/webhook"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// Config is that of every channel, each decoded from a section of its own.
type Config struct {
	Sending Sending
	Email   email.Config
	SMS     sms.Config
	Webhook webhook.Config
}

// Sending says whether messages leave at all.
type Sending struct {
	On     bool   `yaml:"on"`     // off until somebody switches it on
	Outbox string `yaml:"outbox"` // folder of what is not sent; the caller's default is in its data folder
}

// Read decodes the sections by a function like host.Config.Section, over the values that are there.
func (c *Config) Read(section func(name string, into any) error) error {
	for _, s := range []struct {
		name string
		into any
	}{
		{"survey-sending", &c.Sending},
		{"survey-email", &c.Email},
		{"survey-sms", &c.SMS},
		{"survey-webhook", &c.Webhook},
	} {
		if err := section(s.name, s.into); err != nil {
			return err
		}
	}
	return nil
}

// Set is the channels of a process.
type Set struct {
	// Sending says that messages leave.
	Sending bool
	// SMS takes the provider's calls; nil where there is none.
	SMS *sms.Channel

	channels []channel.Channel
	closers  []func()
}

// outboxSender is the sender of e-mails that never leave, where none is configured.
const outboxSender = "surveys@outbox.invalid"

// New makes them. Settings are checked even while sending is off, so that switching it on finds no fault in them.
func New(c Config, now func() time.Time) (*Set, error) {
	s := &Set{Sending: c.Sending.On}
	add := func(medium gate.Medium, configured bool, open func() (channel.Channel, error)) error {
		var real channel.Channel
		if configured {
			var err error
			if real, err = open(); err != nil {
				return fmt.Errorf("survey channel %s: %w", medium, err)
			}
		}
		if c.Sending.On {
			if real != nil {
				s.channels = append(s.channels, real)
			}
			return nil
		}
		from := outboxSender
		if c.Email.Configured() {
			from = c.Email.From
		}
		box, err := outbox.New(outbox.Config{Dir: c.Sending.Outbox}, medium, from, now)
		if err != nil {
			return err
		}
		s.channels = append(s.channels, box)
		return nil
	}
	err := add(gate.Email, c.Email.Configured(), func() (channel.Channel, error) { return email.New(c.Email) })
	if err == nil {
		err = add(gate.SMS, c.SMS.Configured(), func() (channel.Channel, error) {
			x, err := sms.New(c.SMS)
			if err != nil {
				return nil, err
			}
			s.SMS, s.closers = x, append(s.closers, x.Close)
			return x, nil
		})
	}
	if err == nil {
		err = add(gate.Webhook, c.Webhook.Configured(), func() (channel.Channel, error) {
			x, err := webhook.New(c.Webhook)
			if err != nil {
				return nil, err
			}
			s.closers = append(s.closers, x.Close)
			return x, nil
		})
	}
	if err == nil {
		err = add(gate.Link, true, func() (channel.Channel, error) { return link.Channel{}, nil })
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Media are those by which messages can be brought.
func (s *Set) Media() []gate.Medium {
	var all []gate.Medium
	for _, c := range s.channels {
		all = append(all, c.Medium())
	}
	return all
}

// For returns the channel of a medium. Where none is configured it fails (fault.Precondition): the operator can configure one.
func (s *Set) For(medium gate.Medium) (channel.Channel, error) {
	i := slices.IndexFunc(s.channels, func(c channel.Channel) bool { return c.Medium() == medium })
	if i < 0 {
		return nil, fault.New(fault.Precondition, "No channel for the medium %s is configured.", medium)
	}
	return s.channels[i], nil
}

// Close ends the connections of all channels.
func (s *Set) Close() {
	for _, end := range s.closers {
		end()
	}
}
