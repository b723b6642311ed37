package sms

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/touchstone-cx/touchstone/services/internal/twilio"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// Paths below Config.Callback: to the first the provider tells what became of a message, to the second what people reply. The second
// is entered in the provider's console.
const (
	statusPath = "/status"
	replyPath  = "/reply"
)

// errNotForm is the error of a body that is no form, or lacks what it must have.
var errNotForm = errors.New("the body is no callback of the provider")

// verify checks that a request to a path is the provider's. It signs the public address, which this service knows by its settings alone:
// what the request says of host and scheme is a proxy's, or anybody's.
func (c *Channel) verify(path string, r *http.Request, body []byte) error {
	called, err := url.Parse(c.config.Callback + path)
	if err != nil {
		return err
	}
	called.RawQuery = r.URL.RawQuery
	return twilio.Verify(twilio.Request{URL: called, Header: r.Header, Body: body}, c.token)
}

// ParseStatus reads what the provider tells of a message, and in what state it is; ok is false for states on the way. query is that
// of the address, which holds the message's id. It must have been verified before.
func ParseStatus(query url.Values, body []byte) (r channel.Report, ok bool, err error) {
	f, err := fields(body)
	if err != nil {
		return r, false, err
	}
	r = channel.Report{ID: query.Get("message"), ProviderID: channel.ProviderID(first(f, "MessageSid", "SmsSid"))}
	status := first(f, "MessageStatus", "SmsStatus")
	if !messageID.MatchString(r.ID) || r.ProviderID == "" || status == "" {
		return channel.Report{}, false, errNotForm
	}
	code := first(f, "ErrorCode")
	switch status {
	case "delivered", "read":
		r.State, code = channel.Delivered, ""
	case "undelivered":
		r.State = channel.Bounced
	case "failed", "canceled":
		r.State = channel.Failed
	default: // accepted, scheduled, queued, sending, sent
		return channel.Report{}, false, nil
	}
	if r.OptedOut = code == "21610"; r.OptedOut {
		r.State = channel.Bounced
	}
	if errorCode.MatchString(code) {
		r.Reason = "The provider's code is " + code + "."
	}
	return r, true, nil
}

var (
	messageID = regexp.MustCompile(`^[0-9a-f]{32}-[0-9]{1,3}$`)
	errorCode = regexp.MustCompile(`^[0-9]{1,6}$`)
)

// ParseReply reads a message that a person sent. It must have been verified before.
func ParseReply(body []byte) (channel.Reply, error) {
	f, err := fields(body)
	if err != nil {
		return channel.Reply{}, err
	}
	r := channel.Reply{ID: channel.ProviderID(first(f, "MessageSid", "SmsSid")), From: first(f, "From")}
	if r.ID == "" || !number.MatchString(r.From) {
		return channel.Reply{}, errNotForm
	}
	// The provider knows words of its own, if it was told some.
	r.Stop = strings.EqualFold(first(f, "OptOutType"), "STOP") || Stops(first(f, "Body"))
	return r, nil
}

func fields(body []byte) (url.Values, error) {
	if len(body) > maxAnswer {
		return nil, errNotForm
	}
	f, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errNotForm // the parser's error quotes the body
	}
	return f, nil
}

func first(f url.Values, names ...string) string {
	for _, name := range names {
		if v := f.Get(name); v != "" {
			return v
		}
	}
	return ""
}
