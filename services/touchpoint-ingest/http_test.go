package ingest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// told is what an answer in JSON says, of events or as a problem.
type told struct {
	Status     int
	Title      string
	Detail     string
	Reason     string
	Violations []struct{ Field, Message, Remedy string }
	Results    []struct {
		Status  string
		Refusal *struct{ Reason, Field, Message, Remedy string }
	}
}

func read(t *testing.T, body string) told {
	t.Helper()
	var v told
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

// statuses tells the results in short: "recorded", or the reason and field of the refusal.
func (v told) statuses() string {
	var out []string
	for _, r := range v.Results {
		s := r.Status
		if r.Refusal != nil {
			s = r.Refusal.Reason + " " + r.Refusal.Field
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func squeezed(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const (
	structuredJSON  = "application/cloudevents+json"
	structuredProto = "application/cloudevents+protobuf"
	batchJSON       = "application/cloudevents-batch+json"
	batchProto      = "application/cloudevents-batch+protobuf"
	plainProto      = "application/x-protobuf"
)

func ceHeader(id string) []string {
	return []string{"ce-specversion", "1.0", "ce-id", id, "ce-source", "acd", "ce-type", interactionType, "ce-revision", "3"}
}

func TestHTTPTakesEveryContentMode(t *testing.T) {
	e := enter(t)
	for id, r := range map[string]struct {
		contentType string
		body        []byte
		header      []string
		version     uint64
	}{
		"structured":      {structuredJSON, []byte(ce("structured", "acd", `,"revision":"3","organisation":"telecom"`, callTo("help_line"))), nil, 3},
		"structured-gzip": {structuredJSON, squeezed(t, []byte(ce("structured-gzip", "acd", ``, callTo("help_line")))), []string{"Content-Encoding", "gzip"}, 0},
		"protobuf":        {structuredProto, cePacked(t, "protobuf", "acd"), nil, 0},
		"batch":           {batchJSON, []byte("[" + ce("batch", "acd", ``, callTo("help_line")) + "]"), nil, 0},
		"batch-protobuf":  {batchProto, ceBatchOf(cePacked(t, "batch-protobuf", "acd")), nil, 0},
		"binary":          {"application/json", []byte(callTo("help_line")), ceHeader("binary"), 3},
		"binary-protobuf": {"application/protobuf", wireCall(t), ceHeader("binary-protobuf"), 3},
	} {
		resp, body := e.post("acd", r.contentType, bytes.NewReader(r.body), r.header...)
		if resp.StatusCode != http.StatusOK || strings.TrimSpace(body) != `{"results":[{"status":"recorded"}]}` || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s %s", id, resp.Status, body)
		}
		isCall(t, e.facts()[id], "telecom", "acd", r.version)
	}
	if resp, body := e.post("acd", batchJSON, strings.NewReader(`[]`)); resp.StatusCode != http.StatusOK || strings.TrimSpace(body) != `{"results":[]}` {
		t.Errorf("an empty batch: %s %s", resp.Status, body)
	}
}

func TestHTTPTakesPublishRequests(t *testing.T) {
	e := enter(t)
	resp, body := e.post("acd", plainProto, bytes.NewReader(publishRequest(t, "", "", "a", "", "b")))
	var got ingestv1.PublishResponse
	if err := proto.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != plainProto {
		t.Fatal(resp.Status, body, err)
	}
	r := got.GetResults()
	if len(r) != 3 || r[0].GetStatus() != ingestv1.Status_STATUS_RECORDED || r[1].GetRefusal().GetField() != "id" || r[2].GetStatus() != ingestv1.Status_STATUS_RECORDED {
		t.Error(r)
	}
	for _, id := range []string{"a", "b"} {
		isCall(t, e.facts()[id], "telecom", "acd", 0)
	}
	if resp, body := e.post("acd", plainProto, bytes.NewReader(publishRequest(t, "airline", "", "a"))); resp.StatusCode != http.StatusForbidden || read(t, body).Reason != "DENIED" {
		t.Error(resp.Status, body)
	}
}

func TestABadEventAmongGoodOnesOverHTTP(t *testing.T) {
	e := enter(t)
	batch := strings.Join([]string{
		ce("good-1", "acd", ``, callTo("help_line")),
		ce("bad-1", "acd", ``, callTo("help_lime")),
		ce("bad-2", "acd", ``, strings.Replace(callTo("help_line"), "decimal", "decimall", 1)),
		`{"id":7}`,
		ce("bad-3", "crm", ``, callTo("help_line")),
		ce("good-2", "acd", ``, callTo("help_line")),
	}, ",")
	resp, body := e.post("acd", batchJSON, strings.NewReader("["+batch+"]"))
	v := read(t, body)
	const want = "recorded, not_in_map interaction.touchpoint, invalid interaction.metrics[0].decimall, invalid id, forbidden , recorded"
	if resp.StatusCode != http.StatusMultiStatus || v.statuses() != want {
		t.Errorf("%s %s", resp.Status, body)
	}
	for _, r := range v.Results {
		if r.Refusal != nil && (r.Refusal.Message == "" || r.Refusal.Remedy == "") {
			t.Errorf("no message or no remedy: %+v", r.Refusal)
		}
	}
	facts := e.facts()
	if len(facts) != 2 {
		t.Error(facts)
	}
	for _, id := range []string{"good-1", "good-2"} {
		isCall(t, facts[id], "telecom", "acd", 0)
	}
	ids := map[string]bool{}
	for _, r := range e.refused(3) {
		ids[r.GetId()] = r.GetOrganisation() == "telecom" && r.GetSource() == "acd"
	}
	if !ids["bad-1"] || !ids["bad-2"] || !ids[""] {
		t.Error("listed:", ids)
	}

	resp, body = e.post("acd", batchJSON, strings.NewReader("["+ce("bad-1", "acd", ``, callTo("help_lime"))+",7]"))
	if v := read(t, body); resp.StatusCode != http.StatusBadRequest || v.statuses() != "not_in_map interaction.touchpoint, invalid " {
		t.Errorf("all refused: %s %s", resp.Status, body)
	}
}

func TestOneRefusedEventIsAProblem(t *testing.T) {
	e := enter(t)
	for name, c := range map[string]struct{ body, field, reason, detail string }{
		"by the map":     {ce("a", "acd", ``, callTo("help_lime")), "interaction.touchpoint", "not_in_map", `"help_line"`},
		"by its reader":  {ce("a", "acd", ``, strings.Replace(callTo("help_line"), `"metric"`, `"metirc"`, 1)), "interaction.metrics[0].metirc", "invalid", `"metric"`},
		"by its time":    {ce("a", "acd", `,"time":"2026-01-31T08:30:00Z"`, `{"touchpoint":"help_line"}`), "interaction.occurred_at", "missing", "missing"},
		"by its source":  {ce("a", "https://acd.example", ``, callTo("help_line")), "source", "invalid", "source id"},
		"by its content": {`[]`, "", "invalid", "no object"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := e.post("acd", structuredJSON, strings.NewReader(c.body))
			v := read(t, body)
			if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Content-Type") != "application/problem+json" || v.Status != http.StatusBadRequest || v.Reason != "INVALID" {
				t.Error(resp.Status, body)
			}
			if len(v.Violations) != 1 || v.Violations[0].Field != c.field || v.Violations[0].Remedy == "" || v.statuses() != c.reason+" "+c.field || !strings.Contains(v.Detail, c.detail) {
				t.Error(body)
			}
		})
	}
}

func TestAnAdminsBatchMayMixOrganisationsAndSources(t *testing.T) {
	e := enter(t)
	in := func(org string) string { return `,"organisation":"` + org + `"` }
	batch := strings.Join([]string{
		ce("1", "acd", in("telecom"), callTo("help_line")),
		ce("2", "acd", in("airline"), callTo("help_line")),
		ce("3", "crm", in("telecom"), callTo("nowhere")),
		ce("4", "acd", in("nobody"), callTo("help_line")),
		ce("5", "crm", in("telecom"), callTo("help_line")),
		ce("6", "acd", in("telecom"), callTo("help_line")),
		ce("7", "acd", ``, callTo("help_line")),
	}, ",")
	resp, body := e.post("admin", batchJSON, strings.NewReader("["+batch+"]"))
	const want = "recorded, recorded, not_in_map interaction.touchpoint, not_in_map , recorded, recorded, not_in_map "
	if v := read(t, body); resp.StatusCode != http.StatusMultiStatus || v.statuses() != want {
		t.Errorf("%s %s", resp.Status, body)
	}
	facts := e.facts()
	for id, at := range map[string][2]string{"1": {"telecom", "acd"}, "2": {"airline", "acd"}, "5": {"telecom", "crm"}, "6": {"telecom", "acd"}} {
		isCall(t, facts[id], at[0], at[1], 0)
	}
	if len(facts) != 4 {
		t.Error(facts)
	}
}

func TestRefusedRequests(t *testing.T) {
	e := enter(t)
	good := ce("a", "acd", ``, callTo("help_line"))
	big := strings.Repeat(" ", 256<<10) + good
	for name, c := range map[string]struct {
		key, contentType string
		body             io.Reader
		header           []string
		status           int
		reason           string
	}{
		"no key":              {"nobody", structuredJSON, strings.NewReader(good), nil, 401, "UNAUTHENTICATED"},
		"wrong key":           {"wrong", structuredJSON, strings.NewReader(good), nil, 401, "UNAUTHENTICATED"},
		"reader":              {"reader", structuredJSON, strings.NewReader(good), nil, 403, "DENIED"},
		"other source":        {"acd", structuredJSON, strings.NewReader(strings.Replace(good, `"acd"`, `"crm"`, 1)), nil, 403, "DENIED"},
		"other organisation":  {"airline", structuredJSON, strings.NewReader(ce("a", "acd", `,"organisation":"telecom"`, callTo("help_line"))), nil, 403, "DENIED"},
		"no map":              {"admin", structuredJSON, strings.NewReader(ce("a", "acd", `,"organisation":"nobody"`, callTo("help_line"))), nil, 404, "NOT_FOUND"},
		"too large":           {"acd", structuredJSON, strings.NewReader(big), nil, 413, "TOO_LARGE"},
		"too large, untold":   {"acd", structuredJSON, io.MultiReader(strings.NewReader(big)), nil, 413, "TOO_LARGE"},
		"gzip bomb":           {"acd", structuredJSON, bytes.NewReader(squeezed(t, bytes.Repeat([]byte{' '}, 64<<20))), []string{"Content-Encoding", "gzip"}, 413, "TOO_LARGE"},
		"too many events":     {"acd", batchJSON, strings.NewReader("[" + strings.Repeat("{},", 1000) + "{}]"), nil, 413, "TOO_LARGE"},
		"nesting bomb":        {"acd", structuredJSON, strings.NewReader(strings.Repeat(`{"data":`, 30000) + strings.Repeat("}", 10000)), nil, 400, "MALFORMED"},
		"cut off":             {"acd", structuredJSON, strings.NewReader(good[:60]), nil, 400, "MALFORMED"},
		"no gzip":             {"acd", structuredJSON, strings.NewReader(good), []string{"Content-Encoding", "gzip"}, 400, "INVALID"},
		"no protobuf":         {"acd", plainProto, strings.NewReader("\xff"), nil, 400, "INVALID"},
		"too many facts":      {"acd", plainProto, strings.NewReader(strings.Repeat("\x22\x00", 1001)), nil, 400, "INVALID"},
		"other compression":   {"acd", structuredJSON, strings.NewReader(good), []string{"Content-Encoding", "br"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"compressed twice":    {"acd", structuredJSON, strings.NewReader(good), []string{"Content-Encoding", "gzip, gzip"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"other content":       {"acd", "text/csv", strings.NewReader("a,b"), nil, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"no content type":     {"acd", "", strings.NewReader(good), nil, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"events of no format": {"acd", "application/cloudevents+avro", strings.NewReader(good), nil, 415, "UNSUPPORTED_MEDIA_TYPE"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := e.post(c.key, c.contentType, c.body, c.header...)
			v := read(t, body)
			if resp.StatusCode != c.status || v.Status != c.status || v.Reason != c.reason || v.Detail == "" || v.Title != http.StatusText(c.status) {
				t.Errorf("%s %s", resp.Status, body)
			}
			if resp.Header.Get("Content-Type") != "application/problem+json" || c.status == 401 && resp.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Error(resp.Header)
			}
		})
	}
	if facts := e.facts(); len(facts) != 0 {
		t.Error(facts)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodHead} {
		req, err := http.NewRequestWithContext(t.Context(), method, e.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close() != nil || resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
			t.Error(method, resp.Status, resp.Header)
		}
	}
}

// Whoever may not publish is told before a byte of the body is read.
func TestKeysAreCheckedBeforeTheBodyIsRead(t *testing.T) {
	e := enter(t)
	addr := strings.TrimSuffix(strings.TrimPrefix(e.url, "http://"), "/v1/events")
	for key, status := range map[string]int{"wrong": 401, "reader": 403} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		// The body never comes.
		fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n", e.keys[key], structuredJSON)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != status {
			t.Fatal(key, resp, err)
		}
		resp.Body.Close()
	}
}

func TestTooMuchIsToldWhenToComeBack(t *testing.T) {
	e := enter(t, "source_rate=1")
	var all []string
	for i := range 1000 {
		all = append(all, ce("c"+strconv.Itoa(i), "acd", ``, `{"occurred_at":"2026-01-31T08:30:00Z","touchpoint":"help_line"}`))
	}
	if resp, body := e.post("acd", batchJSON, strings.NewReader("["+strings.Join(all, ",")+"]")); resp.StatusCode != http.StatusOK || len(e.facts()) != 1000 {
		t.Fatal(resp.Status, body, len(e.facts()))
	}
	resp, body := e.post("acd", batchJSON, strings.NewReader("["+all[0]+"]"))
	if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode != http.StatusTooManyRequests || err != nil || after < 1 || read(t, body).Reason != "EXHAUSTED" {
		t.Error(resp.Status, resp.Header, body)
	}
	// Another source has its own rate: what of a batch can be recorded is.
	resp, body = e.post("admin", batchJSON, strings.NewReader("["+strings.Replace(all[0], `"acd"`, `"acd","organisation":"telecom"`, 1)+","+
		strings.Replace(all[1], `"acd"`, `"crm","organisation":"telecom"`, 1)+"]"))
	if resp.StatusCode != http.StatusMultiStatus || resp.Header.Get("Retry-After") == "" || read(t, body).statuses() != "rate , recorded" {
		t.Error(resp.Status, resp.Header, body)
	}
}

func TestABusThatIsAwayIsUnavailable(t *testing.T) {
	e := enter(t, "ack_timeout=300ms")
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := e.server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	resp, body := e.post("acd", structuredJSON, strings.NewReader(ce("a", "acd", ``, callTo("help_line"))))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || read(t, body).Reason != "UNAVAILABLE" {
		t.Error(resp.Status, resp.Header, body)
	}
	if err := e.server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	for resp.StatusCode != http.StatusOK && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		resp, body = e.post("acd", structuredJSON, strings.NewReader(ce("a", "acd", ``, callTo("help_line"))))
	}
	if ctx.Err() != nil {
		t.Fatal("it did not come back:", body)
	}
	isCall(t, e.facts()["a"], "telecom", "acd", 0)
}

// TestReadme runs the commands of README.md as they stand there, but for the address and the key.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Logf("NOT TESTED: %v", err)
			return
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\ncall() {")
	body, _, ended := strings.Cut(rest, "; }\n")
	if !found || !ended {
		t.Fatal("README.md does not publish a call any more")
	}
	e := enter(t)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".data", "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".data", "keys", "admin"), []byte(strings.TrimPrefix(e.keys["admin"], "Bearer ")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "call() {" + strings.Replace(body, "http://127.0.0.1:7401/v1/events", e.url, 1) + "; }\ncall 1 240\ncall 2 24\n"
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != strings.Repeat(`{"results":[{"status":"recorded"}]}`+"\n", 2) {
		t.Fatalf("%s %v", out, err)
	}
	f := e.facts()["call-1"]
	if f.GetVersion() != 2 || f.GetSource() != "demo" || f.subject != "ts.fact.telecom.0" || f.GetInteraction().GetMetrics()[0].GetValue() != 24000 {
		t.Error(f)
	}
}
