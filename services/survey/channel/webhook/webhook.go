package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// maxAnswer is the most bytes that are read of an answer.
const maxAnswer = 64 << 10

// Channel hands messages to the organisation's system.
type Channel struct {
	url    *url.URL
	keys   [][]byte
	client *http.Client
}

// New makes the channel.
func New(c Config) (*Channel, error) {
	u, networks, err := c.check()
	if err != nil {
		return nil, err
	}
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.Timeout, Control: guard{channel.Loopback(u.Hostname()), networks}.control}
	return &Channel{u, keys, &http.Client{
		Timeout: c.Timeout,
		// No proxy: it would connect in our stead, past the guard.
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true},
		CheckRedirect: redirect,
	}}, nil
}

// redirect follows only to the same host, and only where the request goes along as it is.
func redirect(r *http.Request, via []*http.Request) error {
	before := via[len(via)-1].URL
	kept := r.Response != nil && (r.Response.StatusCode == http.StatusTemporaryRedirect || r.Response.StatusCode == http.StatusPermanentRedirect)
	if !kept || len(via) > 3 || r.URL.Host != before.Host || r.URL.Scheme != before.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// Close ends the connections to the system.
func (c *Channel) Close() { c.client.CloseIdleConnections() }

// Medium implements channel.Channel.
func (c *Channel) Medium() gate.Medium { return gate.Webhook }

// Send implements channel.Channel. Its receipt holds the "id" of the answer, where that is JSON and has one.
func (c *Channel) Send(ctx context.Context, m *channel.Message) (channel.Receipt, error) {
	if err := channel.Check(m, gate.Webhook); err != nil {
		return channel.Receipt{}, err
	}
	body, err := encode(m)
	if err != nil {
		return channel.Receipt{}, channel.Refused("The message cannot be written as JSON.")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), bytes.NewReader(body))
	if err != nil {
		return channel.Receipt{}, channel.Later("The webhook's address is not usable.")
	}
	timestamp, signature := sign(c.keys, m.ID, time.Now(), body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Webhook-Id", m.ID)
	r.Header.Set("Webhook-Timestamp", timestamp)
	r.Header.Set("Webhook-Signature", signature)
	response, err := c.client.Do(r)
	if errors.Is(err, errPrivate) {
		return channel.Receipt{}, channel.Later("The webhook leads to a private address: allow its network, or give a public one.")
	}
	if err != nil {
		return channel.Receipt{}, channel.Unreachable(ctx, "The webhook", err)
	}
	defer response.Body.Close()
	status := response.StatusCode
	if status/100 == 2 {
		var said struct {
			ID string `json:"id"`
		}
		// It has the message, whatever else it says.
		if text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err == nil {
			_ = json.Unmarshal(text, &said)
		}
		return channel.Receipt{ProviderID: channel.ProviderID(said.ID)}, nil
	}
	switch {
	case status == http.StatusGone:
		return channel.Receipt{}, channel.Refused("The webhook refuses the message (410).")
	case status/100 == 3:
		return channel.Receipt{}, channel.Later(fmt.Sprintf("The webhook leads elsewhere (%d): configure the address that it leads to.", status))
	}
	e := channel.Later(fmt.Sprintf("The webhook does not take the message (%d).", status))
	e.After = channel.RetryAfter(response.Header, time.Now())
	return channel.Receipt{}, e
}
