package ingest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// The queue log of three calls: answered, abandoned, and one to a queue that no rule names.
func queueLog() []string {
	at := time.Now().Add(-time.Hour).Unix()
	line := func(after int64, rest string) string { return fmt.Sprintf("%d|%s\n", at+after, rest) }
	return []string{
		line(0, "1.1|support|NONE|ENTERQUEUE||+4930123456|1"),
		line(17, "1.1|support|Jon|CONNECT|17|1.2|4"),
		line(137, "1.1|support|Jon|COMPLETECALLER|17|120|1"),
		line(200, "2.1|support|NONE|ENTERQUEUE||+4930999999|1"),
		line(233, "2.1|support|NONE|ABANDON|1|1|33"),
		line(300, "3.1|sales|NONE|ENTERQUEUE||+4930888888|1"),
		line(305, "3.1|sales|NONE|ABANDON|1|1|5"),
	}
}

// feeding applies a map with a feed for the source acd.
func (s *gateway) feeding(ctx context.Context, rules ...*mapv1.FeedRule) {
	s.t.Helper()
	maps, err := expmap.NewRegistry(ctx, s.bus.JS())
	if err != nil {
		s.t.Fatal(err)
	}
	defer maps.Close()
	m := smallMap("acme")
	m.Metrics = []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}, {Id: "talking", Unit: "min", Resolution: 60}}
	m.Questions = []*mapv1.Question{{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"help"}}}
	m.Outcomes = []*mapv1.Outcome{{Id: "answered"}, {Id: "given_up"}, {Id: "unterminated"}}
	m.Feeds = []*mapv1.Feed{{
		Source: "acd", Format: "asterisk-queue-log", Rules: rules,
		Outcomes: []*mapv1.Renamed{{From: "abandoned", To: "given_up"}}, Metrics: []*mapv1.Renamed{{From: "talk", To: "talking"}},
	}}
	version, _, err := maps.Apply(ctx, m, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for api := mapv1.NewMapServiceClient(s.conn); ; time.Sleep(5 * time.Millisecond) { // the gateway hears of it in a moment; reading needs no key
		got, err := api.ListMaps(soon(s.t), &mapv1.ListMapsRequest{})
		if err != nil {
			s.t.Fatal(err)
		}
		if slices.ContainsFunc(got.GetMaps(), func(m *mapv1.MapHead) bool { return m.GetOrganisation() == "acme" && m.GetVersion() >= version }) {
			return
		}
	}
}

// counted waits until the newest versions of all recorded facts are these, by id.
func (s *gateway) counted(want map[string]string) {
	s.t.Helper()
	var got map[string]string
	for limit := soon(s.t); limit.Err() == nil; time.Sleep(20 * time.Millisecond) {
		facts, _ := s.recorded()
		slices.SortStableFunc(facts, func(a, b *factv1.RecordedFact) int { return cmp.Compare(a.GetVersion(), b.GetVersion()) })
		got = map[string]string{}
		for _, f := range facts {
			i := f.GetInteraction()
			var values []string
			for _, m := range i.GetMetrics() {
				values = append(values, fmt.Sprintf("%s=%d", m.GetMetric(), m.GetValue()))
			}
			slices.Sort(values)
			got[f.GetId()] = fmt.Sprintf("v%d %s %s %s", f.GetVersion(), i.GetTouchpoint(), i.GetOutcome(), strings.Join(values, " "))
			if len(i.GetCustomer()) == 0 {
				s.t.Fatal("the caller is not known")
			}
		}
		if maps.Equal(got, want) {
			return
		}
	}
	s.t.Fatalf("got %v\nwant %v", got, want)
}

// TestNativeRecordsBecomeFacts: lines one by one, in any order and three times, become one fact each call; a queue without a
// rule is refused in words that help, and taken once there is one.
func TestNativeRecordsBecomeFacts(t *testing.T) {
	g := open(t)
	ctx := g.acd()
	g.feeding(ctx, &mapv1.FeedRule{Queue: "support", Touchpoint: "help"})
	native := ingestv1.NewNativeServiceClient(g.conn)
	send := func(body string) {
		t.Helper()
		for {
			_, err := native.PublishNative(ctx, &ingestv1.PublishNativeRequest{Organisation: "acme", Body: []byte(body)})
			if err == nil {
				return
			}
			if grpcCode(err) != "InvalidArgument" || !strings.Contains(err.Error(), "no feed") || ctx.Err() != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond) // the service hears of the map in a moment
		}
	}
	log := queueLog()
	lines := slices.Concat(log, log, log)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	for _, line := range lines {
		send(line)
	}
	want := map[string]string{
		"1.1/1": "v3 help answered talking=120 wait=17000",
		"2.1/1": "v2 help given_up wait=33000",
	}
	g.counted(want)
	refused := func() (found bool) {
		for _, m := range messages(t, g.bus, bus.StreamRefused) {
			b := new(ingestv1.RefusedBatch)
			if err := proto.Unmarshal(m.Data, b); err != nil {
				t.Fatal(err)
			}
			for _, x := range b.GetRefused() {
				found = found || x.GetId() == "3.1/1" && strings.Contains(x.GetRefusal().GetMessage(), `no rule for the queue "sales"`)
			}
		}
		return found
	}
	for limit := soon(t); !refused(); time.Sleep(20 * time.Millisecond) {
		if limit.Err() != nil {
			t.Fatal("the call to sales is not listed as refused")
		}
	}

	g.feeding(ctx, &mapv1.FeedRule{Touchpoint: "help"})
	want["3.1/1"] = "v2 help given_up wait=5000"
	for limit := soon(t); limit.Err() == nil; time.Sleep(20 * time.Millisecond) { // the service hears of the map in a moment
		send(log[6])
		if facts, _ := g.recorded(); slices.ContainsFunc(facts, func(f *factv1.RecordedFact) bool { return f.GetId() == "3.1/1" }) {
			break
		}
	}
	g.counted(want)

	// What is kept holds no caller's number.
	for _, stream := range []string{bus.StreamNative, bus.StreamFact, bus.StreamRefused} {
		for _, m := range messages(t, g.bus, stream) {
			if strings.Contains(string(m.Data), "4930123456") || strings.Contains(string(m.Data), "4930999999") || strings.Contains(string(m.Data), "4930888888") {
				t.Fatalf("%s holds a telephone number", stream)
			}
		}
	}
}

// TestRehearsalStoresNothing: what records would become, beside what is refused and what is passed by.
func TestRehearsalStoresNothing(t *testing.T) {
	g := open(t)
	ctx := g.acd()
	g.feeding(ctx, &mapv1.FeedRule{Queue: "support", Touchpoint: "help"})
	native := ingestv1.NewNativeServiceClient(g.conn)
	body := strings.Join(queueLog(), "") + "nonsense\n" + fmt.Sprintf("%d|4.1|support|NONE|ENTERQUEUE||+4930777777|1\n", time.Now().Unix()-5)
	var a *ingestv1.RehearseNativeResponse
	for {
		var err error
		a, err = native.RehearseNative(ctx, &ingestv1.RehearseNativeRequest{Delivery: &ingestv1.PublishNativeRequest{Organisation: "acme", Body: []byte(body)}})
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	taken, refused := 0, 0
	for _, r := range a.GetRecords() {
		if r.GetRefusal() != nil {
			refused++
		} else if r.GetFact().GetInteraction() != nil {
			taken++
		}
	}
	if taken != 2 || refused != 1 || a.GetOpen() != 1 || len(a.GetProblems()) != 1 || a.GetProblems()[0].GetLine() != 8 || a.GetEvents() != 8 {
		t.Errorf("%d taken, %d refused: %v", taken, refused, a)
	}
	for _, stream := range []string{bus.StreamNative, bus.StreamFact, bus.StreamRefused} {
		if n := len(messages(t, g.bus, stream)); n != 0 {
			t.Errorf("%s holds %d messages", stream, n)
		}
	}
	if _, err := native.RehearseNative(ctx, &ingestv1.RehearseNativeRequest{Format: "fax", Delivery: &ingestv1.PublishNativeRequest{Organisation: "acme"}}); grpcCode(err) != "InvalidArgument" || !strings.Contains(err.Error(), "not read here") {
		t.Error(err)
	}
}

// TestWebhooks: the key may come as the password of basic authentication, which is all that many systems can send.
func TestWebhooks(t *testing.T) {
	g := open(t)
	ctx := g.acd()
	g.feeding(ctx, &mapv1.FeedRule{Touchpoint: "help"})
	token := strings.TrimPrefix(authorization(ctx), "Bearer ")
	at := "http://" + g.http + "/v1/native/acme/acd"
	post := func(url string, set func(*http.Request)) (int, string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(strings.Join(queueLog()[:3], "")))
		if err != nil {
			t.Fatal(err)
		}
		set(req)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	for limit := soon(t); ; time.Sleep(5 * time.Millisecond) {
		code, body := post(at, func(r *http.Request) { r.SetBasicAuth("pbx", token) })
		if code == http.StatusOK && strings.Contains(body, `"events":3`) {
			break
		}
		if limit.Err() != nil {
			t.Fatalf("%d %s", code, body)
		}
	}
	g.counted(map[string]string{"1.1/1": "v3 help answered talking=120 wait=17000"})
	if code, body := post(at, func(*http.Request) {}); code != http.StatusUnauthorized || !strings.Contains(body, "key with the role source") {
		t.Errorf("without a key: %d %s", code, body)
	}
	if code, body := post(strings.Replace(at, "/acd", "/pbx", 1), func(r *http.Request) { r.SetBasicAuth("", token) }); code != http.StatusForbidden {
		t.Errorf("as another source: %d %s", code, body)
	}
}
