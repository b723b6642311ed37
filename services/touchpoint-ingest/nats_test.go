package ingest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

// message is a request; header holds pairs of name and value.
func (e *entrance) message(holder, subject, contentType string, data []byte, header ...string) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = data
	if e.keys[holder] != "" {
		m.Header.Set("Authorization", e.keys[holder])
	}
	if contentType != "" {
		m.Header["content-type"] = []string{contentType} // NATS leaves names as they are written
	}
	for i := 0; i < len(header); i += 2 {
		m.Header.Add(header[i], header[i+1])
	}
	return m
}

func ask(t *testing.T, nc *nats.Conn, m *nats.Msg) []byte {
	t.Helper()
	answer, err := nc.RequestMsg(m, within)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Data
}

func readProto(t *testing.T, b []byte) *ingestv1.PublishStreamResponse {
	t.Helper()
	var r ingestv1.PublishStreamResponse
	if err := proto.Unmarshal(b, &r); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return &r
}

func TestNATSTakesEveryContentMode(t *testing.T) {
	e := enter(t)
	nc := e.publisher()
	for id, r := range map[string]struct {
		contentType string
		data        []byte
		header      []string
		version     uint64
	}{
		"structured":      {structuredJSON, []byte(ce("structured", "acd", `,"revision":"3","organisation":"telecom"`, callTo("help_line"))), nil, 3},
		"protobuf":        {structuredProto, cePacked(t, "protobuf", "acd"), nil, 0},
		"batch":           {batchJSON, []byte("[" + ce("batch", "acd", ``, callTo("help_line")) + "]"), nil, 0},
		"batch-protobuf":  {batchProto, ceBatchOf(cePacked(t, "batch-protobuf", "acd")), nil, 0},
		"binary":          {"application/json", []byte(callTo("help_line")), ceHeader("binary"), 3},
		"binary-protobuf": {"application/protobuf", wireCall(t), ceHeader("binary-protobuf"), 3},
	} {
		if answer := ask(t, nc, e.message("acd", "ts.in.telecom.acd", r.contentType, r.data, r.header...)); strings.TrimSpace(string(answer)) != `{"results":[{"status":"recorded"}]}` {
			t.Errorf("%s: %s", id, answer)
		}
		isCall(t, e.facts()[id], "telecom", "acd", r.version)
	}
	for _, r := range []struct{ id, contentType, organisation, source string }{
		{"plain", "", "", ""}, {"typed", plainProto, "", ""}, {"named", plainProto, "telecom", "acd"}, {"half-named", "", "telecom", ""},
	} {
		answer := readProto(t, ask(t, nc, e.message("admin", "ts.in.telecom.acd", r.contentType, publishRequest(t, r.organisation, r.source, r.id, ""))))
		if len(answer.GetResults()) != 2 || answer.GetResults()[0].GetStatus() != ingestv1.Status_STATUS_RECORDED || answer.GetResults()[1].GetRefusal().GetField() != "id" || answer.GetError() != nil {
			t.Errorf("%s: %v", r.id, answer)
		}
		isCall(t, e.facts()[r.id], "telecom", "acd", 0)
	}
	// A field that is there but empty does not make it another organisation.
	if answer := readProto(t, ask(t, nc, e.message("admin", "ts.in.telecom.acd", "", append(publishRequest(t, "", "", "empty"), 0x0a, 0, 0x12, 0)))); len(answer.GetResults()) != 1 {
		t.Error(answer)
	}
	isCall(t, e.facts()["empty"], "telecom", "acd", 0)
}

func TestABadEventAmongGoodOnesOverNATS(t *testing.T) {
	e := enter(t)
	batch := "[" + strings.Join([]string{
		ce("good-1", "acd", ``, callTo("help_line")), ce("bad-1", "acd", ``, callTo("help_lime")), `7`,
		ce("bad-2", "crm", ``, callTo("help_line")), ce("bad-3", "acd", `,"organisation":"airline"`, callTo("help_line")), ce("good-2", "acd", ``, callTo("help_line")),
	}, ",") + "]"
	answer := ask(t, e.publisher(), e.message("admin", "ts.in.telecom.acd", batchJSON, []byte(batch)))
	if v := read(t, string(answer)); v.statuses() != "recorded, not_in_map interaction.touchpoint, invalid , invalid source, invalid organisation, recorded" {
		t.Errorf("%s", answer)
	}
	if facts := e.facts(); len(facts) != 2 {
		t.Error(facts)
	}
	for _, r := range e.refused(4) {
		if r.GetOrganisation() != "telecom" || r.GetSource() != "acd" {
			t.Error(r)
		}
	}
}

func TestRefusedRequestsOverNATS(t *testing.T) {
	e := enter(t)
	nc := e.publisher()
	good := []byte(ce("a", "acd", ``, callTo("help_line")))
	big := []byte(strings.Repeat(" ", 256<<10) + string(good))
	for name, c := range map[string]struct {
		key, subject, contentType string
		data                      []byte
		header                    []string
		status                    int
		reason                    string
	}{
		"no key":             {"nobody", "ts.in.telecom.acd", structuredJSON, good, nil, 401, "UNAUTHENTICATED"},
		"wrong key":          {"wrong", "ts.in.telecom.acd", structuredJSON, good, nil, 401, "UNAUTHENTICATED"},
		"reader":             {"reader", "ts.in.telecom.acd", structuredJSON, good, nil, 403, "DENIED"},
		"other source":       {"acd", "ts.in.telecom.crm", structuredJSON, good, nil, 403, "DENIED"},
		"other organisation": {"airline", "ts.in.telecom.acd", structuredJSON, good, nil, 403, "DENIED"},
		"no source":          {"admin", "ts.in.telecom.ACD", structuredJSON, good, nil, 400, "INVALID"},
		"no map":             {"admin", "ts.in.nobody.acd", structuredJSON, good, nil, 404, "NOT_FOUND"},
		"too large":          {"acd", "ts.in.telecom.acd", structuredJSON, big, nil, 413, "TOO_LARGE"},
		"compressed":         {"acd", "ts.in.telecom.acd", structuredJSON, squeezed(t, good), []string{"Content-Encoding", "gzip"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"other content":      {"acd", "ts.in.telecom.acd", "text/csv", good, nil, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"cut off":            {"acd", "ts.in.telecom.acd", structuredJSON, good[:60], nil, 400, "MALFORMED"},
		"refused":            {"acd", "ts.in.telecom.acd", structuredJSON, []byte(ce("a", "acd", ``, callTo("nowhere"))), nil, 400, "INVALID"},
	} {
		answer := ask(t, nc, e.message(c.key, c.subject, c.contentType, c.data, c.header...))
		if v := read(t, string(answer)); v.Status != c.status || v.Reason != c.reason || v.Detail == "" {
			t.Errorf("%s: %s", name, answer)
		}
	}
	for name, c := range map[string]struct {
		key, subject string
		data         []byte
		reason       ingestv1.Reason
		field        string
	}{
		"wrong key":          {"wrong", "ts.in.telecom.acd", publishRequest(t, "", "", "a"), ingestv1.Reason_REASON_FORBIDDEN, ""},
		"other organisation": {"admin", "ts.in.telecom.acd", publishRequest(t, "airline", "", "a"), ingestv1.Reason_REASON_INVALID, "organisation"},
		"other source":       {"admin", "ts.in.telecom.acd", publishRequest(t, "", "crm", "a"), ingestv1.Reason_REASON_INVALID, "source"},
		"too large":          {"acd", "ts.in.telecom.acd", make([]byte, 256<<10+1), ingestv1.Reason_REASON_TOO_LARGE, ""},
		"no protobuf":        {"acd", "ts.in.telecom.acd", []byte("{}"), ingestv1.Reason_REASON_MALFORMED, ""},
		"nothing":            {"acd", "ts.in.telecom.acd", nil, ingestv1.Reason_REASON_INVALID, "facts"},
	} {
		r := readProto(t, ask(t, nc, e.message(c.key, c.subject, "", c.data)))
		if r.GetError().GetReason() != c.reason || r.GetError().GetField() != c.field || len(r.GetResults()) != 0 || r.GetRetryAfterMs() != 0 {
			t.Errorf("%s: %v", name, r)
		}
	}
	if facts := e.facts(); len(facts) != 0 {
		t.Error(facts)
	}
}

func TestAPublicationWithoutReplyIsTakenAndItsRefusalsListed(t *testing.T) {
	e := enter(t)
	nc := e.publisher()
	for _, m := range []*nats.Msg{
		e.message("wrong", "ts.in.telecom.acd", structuredJSON, []byte(ce("forged", "acd", ``, callTo("help_line")))),
		e.message("acd", "ts.in.telecom.acd", batchJSON, []byte("["+ce("bad", "acd", ``, callTo("nowhere"))+","+ce("good", "acd", ``, callTo("help_line"))+"]")),
		e.message("acd", "ts.in.telecom.acd", structuredJSON, []byte(`{`)),
		e.message("acd", "ts.in.telecom.acd", "", publishRequest(t, "", "crm", "a")),
		e.message("admin", "ts.in.nobody.acd", structuredJSON, []byte(ce("a", "acd", ``, callTo("help_line")))),
	} {
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range e.refused(4) {
		got = append(got, fmt.Sprintf("%s %s %q %s", r.GetOrganisation(), r.GetSource(), r.GetId(), r.GetRefusal().GetReason()))
	}
	for _, want := range []string{
		`telecom acd "bad" REASON_NOT_IN_MAP`, `telecom acd "" REASON_MALFORMED`, `telecom acd "" REASON_INVALID`, `nobody acd "" REASON_NOT_IN_MAP`,
	} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%s is not listed: %q", want, got)
		}
	}
	facts := e.facts()
	isCall(t, facts["good"], "telecom", "acd", 0)
	if len(facts) != 1 {
		t.Error(facts)
	}
}

// A publisher may not have this process write where it may not itself.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	e := enter(t)
	nc := e.publisher()
	m := e.message("acd", "ts.in.telecom.acd", structuredJSON, []byte(ce("a", "acd", ``, callTo("help_line"))))
	for _, m.Reply = range []string{"ts.fact.telecom.0", "$JS.API.STREAM.PURGE.TS_FACT", "ts.map.telecom"} {
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, nc, e.message("acd", "ts.in.telecom.acd", structuredJSON, []byte(ce("b", "acd", ``, callTo("help_line")))))
	facts := e.facts() // an answer among the facts could not be read
	isCall(t, facts["a"], "telecom", "acd", 0)
	isCall(t, facts["b"], "telecom", "acd", 0)
}

func TestManyRequestsShareTheWayToDisk(t *testing.T) {
	e := enter(t)
	nc := e.publisher()
	const n = 600
	inbox := nc.NewRespInbox()
	answers := make(chan *nats.Msg, n)
	if _, err := nc.ChanSubscribe(inbox, answers); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		m := e.message("acd", "ts.in.telecom.acd", structuredJSON, []byte(ce(fmt.Sprintf("c%d", i), "acd", ``, callTo("help_line"))))
		m.Reply = inbox
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	timeout := time.After(within)
	for range n {
		select {
		case m := <-answers:
			if !strings.Contains(string(m.Data), "recorded") {
				t.Fatalf("%s", m.Data)
			}
		case <-timeout:
			t.Fatal("an answer is missing")
		}
	}
	messages := 0
	e.messages(bus.StreamFact, func(string, []byte) { messages++ })
	if got := len(e.facts()); got != n || messages >= n {
		t.Errorf("%d facts in %d messages", got, messages)
	}
}

// Whoever asks while the service stops is answered, or finds nobody there: no request is left waiting.
func TestStoppingAnswersWhatItTook(t *testing.T) {
	e := enter(t)
	nc := e.publisher()
	var askers sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for i := range 8 {
		askers.Go(func() {
			for j := 0; ; j++ {
				id := fmt.Sprintf("c%d-%d", i, j)
				answer, err := nc.RequestMsg(e.message("acd", "ts.in.telecom.acd", structuredJSON, []byte(ce(id, "acd", ``, callTo("help_line")))), within)
				if errors.Is(err, nats.ErrNoResponders) {
					return
				}
				if err != nil || !strings.Contains(string(answer.Data), "recorded") {
					t.Error(answer, err)
					return
				}
				mu.Lock()
				acknowledged[id] = true
				mu.Unlock()
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	e.stop()
	askers.Wait()
	facts := e.facts()
	for id := range acknowledged {
		isCall(t, facts[id], "telecom", "acd", 0)
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// What a fact caused can be followed from its publisher on.
func TestATraceReachesTheFacts(t *testing.T) {
	e := enter(t)
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	m := e.message("acd", "ts.in.telecom.acd", structuredJSON, []byte(ce("a", "acd", ``, callTo("help_line"))), "traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	ask(t, e.publisher(), m)
	s, err := e.bus.JS().Stream(t.Context(), bus.StreamFact)
	if err != nil {
		t.Fatal(err)
	}
	fact, err := s.GetMsg(t.Context(), 1)
	if err != nil || !strings.Contains(fact.Header.Get("traceparent"), traceID) {
		t.Error(fact, err)
	}
}
