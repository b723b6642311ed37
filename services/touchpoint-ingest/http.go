package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/cloudevent"
)

// registerHTTP serves POST /v1/events: CloudEvents 1.0, or a PublishRequest in protobuf.
func registerHTTP(env *host.Env, rec *Recorder, guard *access.Guard) *door {
	d := &door{rec: rec, guard: guard, log: env.Log}
	env.HTTP.HandleFunc("POST /v1/events", d.serve)
	env.HTTP.HandleFunc("/v1/events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		host.WriteProblem(w, host.Problem{Status: http.StatusMethodNotAllowed, Reason: "METHOD_NOT_ALLOWED", Detail: "Events are sent with POST."})
	})
	return d
}

// door is the entrance by HTTP.
type door struct {
	rec   *Recorder
	guard *access.Guard
	log   *slog.Logger
}

func (d *door) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			d.fail(w, panicked(d.log, p))
		}
	}()
	p, err := publisher(d.guard, r.Header.Get("Authorization"))
	if err != nil {
		w.Header().Set("Connection", "close") // else the server would wait for the body before it answers
		d.fail(w, err)
		return
	}
	s := speakerOf(p)
	msg, err := cloudevent.Detect(r.Header)
	if err == nil && msg == nil && !isFacts(r.Header.Get("Content-Type")) {
		err = unsupported()
	}
	if err != nil {
		d.refuse(w, s, err)
		return
	}
	body, err := readBody(w, r)
	if err != nil {
		d.refuse(w, s, err)
		return
	}
	if msg == nil {
		d.facts(w, r, p, body)
		return
	}
	events, err := msg.Decode(body)
	if err != nil {
		d.refuse(w, s, err)
		return
	}
	answerEvents(w, msg.Batch(), d.rec.submitEvents(r.Context(), s, events).wait(r.Context(), d.log), d.log)
}

// facts takes a PublishRequest.
func (d *door) facts(w http.ResponseWriter, r *http.Request, p access.Principal, body []byte) {
	t, err := d.rec.submit(r.Context(), p, body)
	if err == nil {
		err = t.wait(r.Context())
	}
	if err != nil {
		d.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	send(w, http.StatusOK, appendResults(nil, 1, t))
}

// refuse answers a request whose bytes hold no events, and lists it.
func (d *door) refuse(w http.ResponseWriter, s speaker, err error) {
	if e, ok := asRequestError(err); ok {
		org, source := s.listed("", "")
		d.rec.refusals.add(org, source, "", requestRefusal(e))
		writeRequestError(w, e)
		return
	}
	d.fail(w, err)
}

func (d *door) fail(w http.ResponseWriter, err error) { writeError(w, err, d.log) }

// isFacts reports whether a content type is that of a PublishRequest.
func isFacts(content string) bool {
	media, _, err := mime.ParseMediaType(content)
	return err == nil && (media == "application/x-protobuf" || media == "application/protobuf")
}

func unsupported() *cloudevent.Error {
	return &cloudevent.Error{
		Fault: cloudevent.Unsupported, Message: "The content type is none that is read here.",
		Remedy: "Send CloudEvents 1.0 as application/cloudevents+json (or +protobuf, or -batch), or with ce- headers; or a PublishRequest as application/x-protobuf.",
	}
}

// readBody reads a body up to the limit, before and after decompression.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > cloudevent.MaxBytes {
		drain(w, r)
		return nil, cloudevent.TooManyBytes()
	}
	body := io.Reader(http.MaxBytesReader(w, r.Body, cloudevent.MaxBytes))
	switch encoding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ",")); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, unread(err)
		}
		body = io.LimitReader(z, cloudevent.MaxBytes+1)
	default:
		w.Header().Set("Accept-Encoding", "gzip")
		return nil, &cloudevent.Error{Fault: cloudevent.Unsupported, Message: "The body is compressed in a way that is not read.", Remedy: "Send it as it is, or with Content-Encoding: gzip."}
	}
	var buf bytes.Buffer
	buf.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead)
	if _, err := buf.ReadFrom(body); err != nil {
		return nil, unread(err)
	}
	if buf.Len() > cloudevent.MaxBytes {
		return nil, cloudevent.TooManyBytes()
	}
	return buf.Bytes(), nil
}

// drain reads on for a moment, so that whoever sends a body somewhat too large comes to read the answer: a connection that is closed
// on somebody who still writes looks like one that broke.
func drain(w http.ResponseWriter, r *http.Request) {
	if http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = io.CopyN(io.Discard, r.Body, 4*cloudevent.MaxBytes)
	}
}

// unread says why a body could not be read.
func unread(err error) error {
	var size *http.MaxBytesError
	if errors.As(err, &size) {
		return cloudevent.TooManyBytes()
	}
	return fault.Wrap(fault.Invalid, err, "the body could not be read to its end")
}
