package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// post sends a body to the HTTP entrance, as curl does.
func post(t *testing.T, url, key, contentType, body string) (code int, header http.Header, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Content-Type", contentType)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// event is a CloudEvent of the organisation.
func event(org, id string, revision int, kind, data string) string {
	return fmt.Sprintf(`{"specversion": "1.0", "id": %q, "source": "demo", "organisation": %q, "revision": "%d",
		"type": "touchstone.%s.v1", "datacontenttype": "application/json", "data": %s}`, id, org, revision, kind, data)
}

func callData(at time.Time, wait string) string {
	return fmt.Sprintf(`{"occurred_at": %q, "touchpoint": "call", "channel": "voice", "team": "north", "outcome": "answered",
		"metrics": [{"metric": "wait", "decimal": %q}]}`, at.UTC().Format(time.RFC3339), wait)
}

const eventType = "application/cloudevents+json"

// What the product stands for: who watches a touchpoint sees one call move its score and the organisation's, old → new,
// within a second; a correction replaces it; and when it is taken back the very bytes return.
func TestSentence(t *testing.T) {
	to := aim(t)
	const org = "sentence"
	apply(t, to.Maps, traffic.Map(org))
	now := time.Now()
	for i, wait := range []string{"12", "90.5", "0.25"} {
		code, _, body := post(t, to.events, to.key, eventType, event(org, fmt.Sprintf("before-%d", i), 1, "interaction", callData(now.Add(-time.Minute), wait)))
		if code != http.StatusOK {
			t.Fatalf("publishing answers %d: %s", code, body)
		}
	}
	settled(t, to.Admin)
	before, cells := picture(t, to, org), verified(t, to.Admin).GetCells()

	watch, err := to.Scores.WatchScores(t.Context(), &scorev1.WatchScoresRequest{MinIntervalMs: 100, Refs: []*scorev1.ScoreRef{
		ref(org, "wait.mean", "call"), ref(org, "wait.mean", ""), ref(org, "interactions.count", "call"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	next := follow(t, watch)
	if first := next(3); len(first) != 3 {
		t.Fatalf("the snapshot has %d scores, want 3", len(first))
	}
	mean := func(sum float64, n int64) float64 { return sum / float64(n) }
	const sum = 12 + 90.5 + 0.25
	step := func(what string, kind, data string, revision int, old, new float64, n int64) {
		t.Helper()
		sent := time.Now()
		code, _, body := post(t, to.events, to.key, eventType, event(org, "call-1", revision, kind, data))
		if code != http.StatusOK {
			t.Fatalf("%s: publishing answers %d: %s", what, code, body)
		}
		want := 3 // mean of touchpoint and organisation, and the count
		if kind == "interaction" && revision > 1 {
			want = 2 // the count stays
		}
		for name, c := range next(want) {
			if !strings.HasPrefix(name, "wait.mean") {
				continue
			}
			if !near(c.GetPrevious(), old) || !near(c.GetScore().GetValue(), new) || c.GetScore().GetN() != n {
				t.Errorf("%s: %s went %v → %v (n %d), want %v → %v (n %d)", what, name, c.GetPrevious(), c.GetScore().GetValue(), c.GetScore().GetN(), old, new, n)
			}
		}
		if took := time.Since(sent); took > time.Second {
			t.Errorf("%s: it took %s to be seen", what, took)
		}
	}
	was := mean(sum, 3)
	step("a call", "interaction", callData(now, "240"), 1, was, mean(sum+240, 4), 4)
	step("its correction", "interaction", callData(now, "24.125"), 2, mean(sum+240, 4), mean(sum+24.125, 4), 4)
	step("its retraction", "retraction", `{"kind": "KIND_INTERACTION"}`, 3, mean(sum+24.125, 4), was, 3)

	if after := picture(t, to, org); after != before {
		t.Errorf("after the retraction the scores are not what they were:\n%s\nbefore:\n%s", after, before)
	}
	v := verified(t, to.Admin)
	if v.GetCells() != cells {
		t.Errorf("%d cells before, %d after the retraction", cells, v.GetCells())
	}
	if before == "" {
		t.Error("there are no scores to compare")
	}
	if to.own == nil {
		return
	}
	// The hash covers the ledger, which remembers that the call was taken back; so it is that of an instance which never
	// counted the call and only heard of its retraction.
	other := aim(t)
	apply(t, other.Maps, traffic.Map(org))
	for i, wait := range []string{"12", "90.5", "0.25"} {
		post(t, other.events, other.key, eventType, event(org, fmt.Sprintf("before-%d", i), 1, "interaction", callData(now.Add(-time.Minute), wait)))
	}
	post(t, other.events, other.key, eventType, event(org, "call-1", 3, "retraction", `{"kind": "KIND_INTERACTION"}`))
	if u := verified(t, other.Admin); u.GetLiveHash() != v.GetLiveHash() {
		t.Errorf("the state's hash is %s, that of an instance which never counted the call %s", v.GetLiveHash(), u.GetLiveHash())
	}
}

// The command prints the same, old → new.
func TestWatchCommand(t *testing.T) {
	to := aim(t)
	if to.own == nil {
		cannot(t, "the command needs an instance of its own to watch")
		return
	}
	const org = "watched"
	apply(t, to.Maps, traffic.Map(org))
	send := func(revision int, wait string) {
		t.Helper()
		if code, _, body := post(t, to.events, to.key, eventType, event(org, "call-1", revision, "interaction", callData(time.Now(), wait))); code != http.StatusOK {
			t.Fatalf("publishing answers %d: %s", code, body)
		}
	}
	send(1, "240")
	settled(t, to.Admin)
	watch := to.own.Command(t.Context(), "watch", "-o", org, "--touchpoint", "call", "--window", "1h", "--changes", "1")
	var out, begun syncBuffer
	watch.Stdout, watch.Stderr = &out, &begun
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(10 * time.Second); !strings.Contains(begun.String(), "watching"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("watch does not begin: %s", begun.String())
		}
	}
	send(2, "24")
	if err := watch.Wait(); err != nil {
		t.Fatalf("watch: %v\n%s", err, begun.String())
	}
	if !contains(out.String(), "wait.", "call", "240", "→", "24", "n 1 → 1") {
		t.Errorf("watch prints %s", out.String())
	}
}

func apply(t *testing.T, maps mapv1.MapServiceClient, m *mapv1.Map) {
	t.Helper()
	if _, err := maps.ApplyMap(t.Context(), &mapv1.ApplyMapRequest{Map: m}); err != nil {
		t.Fatal(err)
	}
}

func ref(org, score, touchpoint string) *scorev1.ScoreRef {
	return &scorev1.ScoreRef{Organisation: org, Score: score, Scope: &scorev1.Scope{Touchpoint: touchpoint}, Window: scorev1.Window_WINDOW_1H}
}

// follow returns a function that collects changes until so many scores have changed.
func follow(t *testing.T, watch interface {
	Recv() (*scorev1.WatchScoresResponse, error)
},
) func(n int) map[string]*scorev1.ScoreChange {
	return func(n int) map[string]*scorev1.ScoreChange {
		t.Helper()
		got := map[string]*scorev1.ScoreChange{}
		for len(got) < n {
			m, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range m.GetChanges() {
				r := c.GetScore().GetRef()
				got[r.GetScore()+" of "+r.GetScope().GetTouchpoint()] = c
			}
		}
		return got
	}
}

// picture is every score of an organisation over all time, without what only tells when it was read.
func picture(t *testing.T, to target, org string) string {
	t.Helper()
	var b bytes.Buffer
	for token := ""; ; {
		page, err := to.Scores.ListScores(t.Context(), &scorev1.ListScoresRequest{PageSize: 1000, PageToken: token, Filter: &scorev1.Filter{
			Organisation: org, Scores: []string{"*"}, ByChannel: true, ByTeam: true, Window: scorev1.Window_WINDOW_ALL,
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.GetScores() {
			s.AsOf, s.Position, s.NewestFactAt, s.To = nil, 0, nil, nil
			line, err := proto.MarshalOptions{Deterministic: true}.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %v %x\n", s.GetRef().GetScore(), s.GetRef().GetScope(), line)
		}
		if token = page.GetNextPageToken(); token == "" {
			return b.String()
		}
	}
}

// publish sends facts by gRPC; each must be recorded.
func publish(t *testing.T, c ingestv1.IngestServiceClient, org, source string, facts ...*factv1.Fact) {
	t.Helper()
	for len(facts) > 0 {
		n := min(len(facts), 500)
		r, err := c.Publish(t.Context(), &ingestv1.PublishRequest{Organisation: org, Source: source, Facts: facts[:n]})
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range r.GetResults() {
			if x.GetStatus() != ingestv1.Status_STATUS_RECORDED {
				t.Fatalf("%s was refused: %v", facts[i].GetId(), x.GetRefusal())
			}
		}
		facts = facts[n:]
	}
}
