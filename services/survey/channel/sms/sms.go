package sms

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// maxAnswer is the most bytes that are read of an answer, and of a callback.
const maxAnswer = 64 << 10

// Channel sends text messages.
type Channel struct {
	config Config
	token  string
	client *http.Client
}

// New makes the channel.
func New(c Config) (*Channel, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	token, err := channel.ReadSecret("token_file", c.TokenFile)
	if err != nil {
		return nil, err
	}
	return &Channel{c, token, &http.Client{
		Timeout:   c.Timeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		// The credentials go to the provider that is configured, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close ends the connections to the provider.
func (c *Channel) Close() { c.client.CloseIdleConnections() }

// Medium implements channel.Channel.
func (c *Channel) Medium() gate.Medium { return gate.SMS }

var number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// Send implements channel.Channel. The provider knows no ids of ours, but calls back with it.
func (c *Channel) Send(ctx context.Context, m *channel.Message) (channel.Receipt, error) {
	if err := channel.Check(m, gate.SMS); err != nil {
		return channel.Receipt{}, err
	}
	if !number.MatchString(m.Contact.Phone) {
		return channel.Receipt{}, channel.Refused("The telephone number is none of the form +491701234567.")
	}
	if n, _ := Segments(m.Text); n < 1 || n > c.config.Segments {
		return channel.Receipt{}, channel.Refused(fmt.Sprintf("The text is %d segments long; 1 to %d are sent.", n, c.config.Segments))
	}
	form := url.Values{"To": {m.Contact.Phone}, "Body": {m.Text}}
	if strings.HasPrefix(c.config.From, "MG") {
		form.Set("MessagingServiceSid", c.config.From)
	} else {
		form.Set("From", c.config.From)
	}
	if c.config.Callback != "" {
		form.Set("StatusCallback", c.config.Callback+statusPath+"?"+url.Values{"message": {m.ID}}.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.URL+"/2010-04-01/Accounts/"+c.config.Account+"/Messages.json", strings.NewReader(form.Encode()))
	if err != nil {
		return channel.Receipt{}, channel.Later("The provider's address is not usable.")
	}
	r.SetBasicAuth(c.config.Account, c.token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	response, err := c.client.Do(r)
	if err != nil {
		return channel.Receipt{}, channel.Unreachable(ctx, provider, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil && response.StatusCode/100 != 2 {
		body = nil
	} else if err != nil {
		return channel.Receipt{}, channel.Unreachable(ctx, provider, err)
	}
	return answer(response.StatusCode, response.Header, body, time.Now())
}

const provider = "The provider of text messages"

// answer reads what the provider says.
func answer(status int, header http.Header, body []byte, now time.Time) (channel.Receipt, error) {
	var said struct {
		SID    string `json:"sid"`
		Status any    `json:"status"` // a word of a message, a number of an error
		Code   int    `json:"code"`
	}
	readable := json.Unmarshal(body, &said) == nil
	if status/100 == 2 {
		if !readable || said.SID == "" {
			return channel.Receipt{}, channel.Later(provider + " gave an answer that is none.")
		}
		return channel.Receipt{ProviderID: channel.ProviderID(said.SID), Delivered: said.Status == "delivered"}, nil
	}
	words := fmt.Sprintf("%d", status)
	if said.Code != 0 {
		words += fmt.Sprintf(", code %d", said.Code)
	}
	switch {
	case status == http.StatusTooManyRequests, status/100 == 5:
		e := channel.Later(provider + " puts it off (" + words + ").")
		e.After = channel.RetryAfter(header, now)
		return channel.Receipt{}, e
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return channel.Receipt{}, channel.Later(provider + " does not let us in (" + words + "): look at the account and its token.")
	case said.Code == optedOut:
		e := channel.Refused("They told the provider that they want no messages (" + words + ").")
		e.OptedOut = true
		return channel.Receipt{}, e
	case unreachable(said.Code):
		return channel.Receipt{}, channel.Refused(provider + " cannot reach this number (" + words + ").")
	}
	// The rest is about the sender, the account or the address, and so about every message.
	return channel.Receipt{}, channel.Later(provider + " refuses the request (" + words + "): look the code up in its documents.")
}

// optedOut is the provider's code for people who replied STOP.
const optedOut = 21610

// unreachable tells whether a code is about the number or the text, so that the same again would fail again.
func unreachable(code int) bool {
	switch code {
	case 21211, // not a number
		21214, 21217, // not reachable
		21614, 21635, // no mobile number
		21612,        // not from this sender
		21602, 21617: // no text, too long
		return true
	}
	return false
}
