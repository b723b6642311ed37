package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/feed"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/all"
)

// nativeCase is one case of a native format, delivered by a source of its own.
type nativeCase struct {
	source     string
	format     *format.Format
	deliveries []*ingestv1.PublishNativeRequest
}

// nativeCases are the cases by which the formats are tested, each file a delivery.
func nativeCases(t *testing.T) (cases []*nativeCase) {
	t.Helper()
	for _, f := range all.Formats() {
		folder := strings.ReplaceAll(f.Name, "-", "")
		for from, to := range map[string]string{"freeswitchjsoncdr": "freeswitchcdr", "twiliovoicestatus": "twiliovoice"} {
			folder = strings.Replace(folder, from, to, 1)
		}
		dirs, err := filepath.Glob(filepath.Join(root(t), "services/touchpoint-ingest/format", folder, "testdata", "*", "1.body"))
		if err != nil || len(dirs) == 0 {
			t.Fatalf("%s: no cases in %s: %v", f.Name, folder, err)
		}
		for _, first := range dirs {
			c := &nativeCase{source: "s-" + folder + "-" + filepath.Base(filepath.Dir(first)), format: f}
			bodies, err := filepath.Glob(filepath.Join(filepath.Dir(first), "*.body"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range bodies {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				d := &ingestv1.PublishNativeRequest{Organisation: "native", Source: c.source, Body: b}
				if h, err := os.ReadFile(strings.TrimSuffix(name, ".body") + ".header"); err == nil {
					for line := range strings.Lines(string(h)) {
						if k, v, _ := strings.Cut(strings.TrimSpace(line), ": "); strings.EqualFold(k, "Content-Type") {
							d.ContentType = v
						}
					}
				}
				c.deliveries = append(c.deliveries, d)
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// nativeMap has a feed for each case that takes every queue.
func nativeMap(cases []*nativeCase) *mapv1.Map {
	m := &mapv1.Map{
		Organisation: "native", Name: "Native", Zone: "Europe/Berlin",
		Touchpoints: []*mapv1.Touchpoint{{Id: "any", Name: "Any", FunctionalOwner: "head", OperationalOwner: "floor"}},
		Channels:    []*mapv1.Channel{{Id: "voice", Name: "Voice"}},
		Metrics: []*mapv1.Metric{
			{Id: "wait", Name: "Wait", Unit: "s", Resolution: 1000},
			{Id: "talk", Name: "Talk", Unit: "s", Resolution: 1000},
			{Id: "hold", Name: "Hold", Unit: "s", Resolution: 1000},
			{Id: "transfers", Name: "Transfers", Unit: "transfers", Resolution: 1},
		},
	}
	for _, o := range []string{format.Answered, format.Abandoned, format.LeftOther, format.Callback, format.Failed, format.Unterminated} {
		m.Outcomes = append(m.Outcomes, &mapv1.Outcome{Id: o, Name: o})
	}
	for _, c := range cases {
		m.Feeds = append(m.Feeds, &mapv1.Feed{Source: c.source, Format: c.format.Name, Rules: []*mapv1.FeedRule{{Touchpoint: "any"}}})
	}
	return m
}

// expected counts the interactions that a case's records are, worked out without the service.
func (c *nativeCase) expected(t *testing.T, m *expmap.Map) (facts int) {
	t.Helper()
	fd, ok := feed.Of(m, c.source)
	if !ok {
		t.Fatal("no feed for", c.source)
	}
	o := format.Options{Zone: fd.Zone(), Person: func(s string) string { return s }, Agent: func(_, name string) string { return name }}
	var events []format.Event
	for _, d := range c.deliveries {
		x := format.Delivery{Body: d.GetBody(), ReceivedAt: time.Now()}
		if d.GetContentType() != "" {
			x.Header = map[string][]string{"Content-Type": {d.GetContentType()}}
		}
		events = append(events, c.format.Parse(x, o).Events...)
	}
	seen := map[string]bool{}
	for _, r := range c.format.Assemble(events, o) {
		fact, _ := fd.Fact(&r)
		kind := "interaction"
		switch x := fact.GetContent().(type) {
		case nil:
			continue
		case *factv1.Fact_Answer:
			kind = "answer"
		case *factv1.Fact_Retraction:
			kind = map[factv1.Kind]string{factv1.Kind_KIND_INTERACTION: "interaction", factv1.Kind_KIND_ANSWER: "answer"}[x.Retraction.GetKind()]
		}
		if !seen[kind+r.ID] {
			seen[kind+r.ID] = true
			facts++
		}
	}
	return facts
}

// TestNativeFormats: every case of every format, each delivery three times in any order, with a kill -9 in between, gives one
// fact for each of its records.
func TestNativeFormats(t *testing.T) {
	i := started(t)
	api := i.Clients()
	cases := nativeCases(t)
	pm := nativeMap(cases)
	if _, err := api.Maps.ApplyMap(t.Context(), &mapv1.ApplyMapRequest{Map: pm}); err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.Compile(pm, 1)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := 0
	var deliveries []*ingestv1.PublishNativeRequest
	for _, c := range cases {
		want += c.expected(t, m)
		deliveries = append(deliveries, slices.Concat(c.deliveries, c.deliveries, c.deliveries)...)
	}
	rand.New(rand.NewPCG(11, 12)).Shuffle(len(deliveries), func(a, b int) { deliveries[a], deliveries[b] = deliveries[b], deliveries[a] })
	for n, d := range deliveries {
		if n == len(deliveries)/2 {
			if err := i.Kill(); err != nil {
				t.Fatal(err)
			}
			begin(t, i)
		}
		if _, err := api.Native.PublishNative(t.Context(), d); err != nil && !strings.Contains(err.Error(), "body:") {
			t.Fatalf("%s: %v", d.GetSource(), err)
		}
	}
	var got uint64
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if got = settled(t, api.Admin).GetFacts(); got == uint64(want) {
			break
		}
	}
	st := settled(t, api.Admin)
	if got != uint64(want) || st.GetConflicts() != 0 {
		t.Errorf("%d facts and %d conflicts of %d deliveries, want %d and none", got, st.GetConflicts(), len(deliveries), want)
	}
	verified(t, api.Admin)
	t.Logf("%d formats, %d cases, %d deliveries: %d facts", len(all.Formats()), len(cases), len(deliveries), got)
}
