package ingest

import (
	"net/http"
	"net/url"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// serve takes a webhook's request: POST /v1/native/{organisation}/{source}.
func (n *natives) serve(d *door) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := webhook(d.guard, r)
		if err != nil {
			w.Header().Set("Connection", "close")
			w.Header().Set("WWW-Authenticate", `Basic realm="touchstone"`)
			d.fail(w, err)
			return
		}
		body, err := readBody(w, r)
		if err != nil {
			d.refuse(w, speakerOf(p), err)
			return
		}
		out, err := n.take(r.Context(), p, r.PathValue("organisation"), r.PathValue("source"), format.Delivery{
			Body: body, Header: r.Header, URL: n.called(r), ReceivedAt: n.rec.clock(),
		})
		if err != nil {
			d.fail(w, err)
			return
		}
		b, err := protojson.Marshal(out)
		if err != nil {
			d.fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		send(w, http.StatusOK, b)
	}
}

// called is the URL as its sender called it: signatures cover it.
func (n *natives) called(r *http.Request) *url.URL {
	u := *r.URL
	u.Scheme, u.Host = "http", r.Host
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		u.Scheme = "https"
	}
	if n.base != nil {
		u.Scheme, u.Host = n.base.Scheme, n.base.Host
	}
	return &u
}

// webhook finds the key of a request: a bearer token, or the password of basic authentication, which is all that many
// systems can send.
func webhook(g *access.Guard, r *http.Request) (access.Principal, error) {
	if _, password, ok := r.BasicAuth(); ok {
		return publisher(g, "Bearer "+password)
	}
	return publisher(g, r.Header.Get("Authorization"))
}
