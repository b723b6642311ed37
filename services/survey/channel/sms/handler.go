package sms

import (
	"context"
	"io"
	"net/http"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// Heard takes what a provider tells. Each may be told again: a provider that gets no answer repeats.
type Heard struct {
	// Report is called for each end of a message.
	Report func(context.Context, channel.Report) error
	// Reply is called for each message that a person sent.
	Reply func(context.Context, channel.Reply) error
}

// Handler answers the provider's calls at Config.Callback, whose path must be stripped before: /status and /reply. What the provider did not
// sign is answered 403 and counts for nothing.
func (c *Channel) Handler(to Heard) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+statusPath, func(w http.ResponseWriter, r *http.Request) {
		body, ok := c.read(w, r, statusPath)
		if !ok {
			return
		}
		report, ended, err := ParseStatus(r.URL.Query(), body)
		switch {
		case err != nil:
			http.Error(w, errNotForm.Error(), http.StatusBadRequest)
		case ended && to.Report(r.Context(), report) != nil:
			later(w)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("POST "+replyPath, func(w http.ResponseWriter, r *http.Request) {
		body, ok := c.read(w, r, replyPath)
		if !ok {
			return
		}
		reply, err := ParseReply(body)
		switch {
		case err != nil:
			http.Error(w, errNotForm.Error(), http.StatusBadRequest)
		case to.Reply(r.Context(), reply) != nil:
			later(w)
		default: // no message in return
			w.Header().Set("Content-Type", "text/xml; charset=utf-8")
			_, _ = io.WriteString(w, "<Response/>")
		}
	})
	return mux
}

// read reads a request that the provider signed.
func (c *Channel) read(w http.ResponseWriter, r *http.Request, path string) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnswer))
	if err != nil {
		http.Error(w, "the body is too long", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	if c.config.Callback == "" || c.verify(path, r, body) != nil {
		http.Error(w, "the signature does not fit", http.StatusForbidden)
		return nil, false
	}
	return body, true
}

func later(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "10")
	http.Error(w, "try again", http.StatusServiceUnavailable)
}
