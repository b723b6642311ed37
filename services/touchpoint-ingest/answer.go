package ingest

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/cloudevent"
)

// answerEvents writes what became of events. HTTP and NATS answer alike.
func answerEvents(w http.ResponseWriter, batch bool, o outcome, log *slog.Logger) {
	if o.err != nil {
		writeError(w, o.err, log)
		return
	}
	if o.retry > 0 {
		w.Header().Set("Retry-After", seconds(o.retry))
	}
	results := resultsOf(o.results)
	code := http.StatusOK
	switch {
	case o.recorded == len(o.results):
	case !batch:
		r := results[0].Refusal
		p := host.Problem{Status: http.StatusBadRequest, Reason: "INVALID", Detail: r.Message, Results: results, Violations: []host.ProblemViolation{{Field: r.Field, Message: r.Message, Remedy: r.Remedy}}}
		if r.Field != "" {
			p.Detail = r.Field + ": " + r.Message
		}
		host.WriteProblem(w, p)
		return
	case o.recorded > 0:
		code = http.StatusMultiStatus
	default:
		code = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	send(w, code, encode(struct {
		Results []result `json:"results"`
	}{results}))
}

// result is one event's in JSON.
type result struct {
	Status  string   `json:"status"`
	Refusal *refused `json:"refusal,omitempty"`
}

type refused struct {
	Reason  string `json:"reason"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

func resultsOf(results []*ingestv1.FactResult) []result {
	out := make([]result, len(results))
	for i, r := range results {
		out[i].Status = strings.ToLower(strings.TrimPrefix(r.GetStatus().String(), "STATUS_"))
		if why := r.GetRefusal(); why != nil {
			out[i].Refusal = &refused{strings.ToLower(strings.TrimPrefix(why.GetReason().String(), "REASON_")), why.GetField(), why.GetMessage(), why.GetRemedy()}
		}
	}
	return out
}

// writeRequestError answers a request that was refused by its bytes.
func writeRequestError(w http.ResponseWriter, e *cloudevent.Error) {
	p := host.Problem{Status: http.StatusBadRequest, Reason: "MALFORMED", Detail: e.Message + " " + e.Remedy}
	switch e.Fault {
	case cloudevent.TooLarge:
		p.Status, p.Reason = http.StatusRequestEntityTooLarge, "TOO_LARGE"
	case cloudevent.Unsupported:
		p.Status, p.Reason = http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE"
	}
	host.WriteProblem(w, p)
}

func writeError(w http.ResponseWriter, err error, log *slog.Logger) {
	if host.WriteError(w, err) {
		log.Error("a request failed", "error", err)
	}
}

func panicked(log *slog.Logger, p any) error {
	log.Error("a request panicked", "panic", p, "stack", string(debug.Stack()))
	return fault.New(fault.Internal, "panic")
}

// encode encodes our own values, which cannot fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("{}\n")
	}
	return append(b, '\n')
}

func send(w http.ResponseWriter, code int, body []byte) {
	w.WriteHeader(code)
	if _, err := w.Write(body); err != nil {
		return // the caller went away
	}
}

// seconds rounds up: who waits so long need not ask twice.
func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
