package scoreservice

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type watching struct {
	t      testing.TB
	stream scorev1.ScoreService_WatchScoresClient
	stop   context.CancelFunc
}

func watchOf(t testing.TB, c scorev1.ScoreServiceClient, req *scorev1.WatchScoresRequest) *watching {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	req.MinIntervalMs = 100
	s, err := c.WatchScores(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return &watching{t, s, cancel}
}

func (w *watching) next() *scorev1.WatchScoresResponse {
	w.t.Helper()
	r, err := w.stream.Recv()
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// until receives until a score of a name has a value, and returns that change.
func (w *watching) until(n string, value float64) (*scorev1.ScoreChange, *scorev1.WatchScoresResponse) {
	w.t.Helper()
	for {
		r := w.next()
		for _, c := range r.GetChanges() {
			if name(c.GetScore()) == n && c.GetScore().Value != nil && c.GetScore().GetValue() == value {
				return c, r
			}
		}
	}
}

func names(r *scorev1.WatchScoresResponse) map[string]bool {
	all := map[string]bool{}
	for _, c := range r.GetChanges() {
		all[name(c.GetScore())] = true
	}
	return all
}

// TestWatchOldToNew is the sentence the product stands for: one call moves touchpoint and organisation from old to new, a
// correction moves them again, its retraction brings them back.
func TestWatchOldToNew(t *testing.T) {
	k := seeded(t)
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Touchpoints: []string{"call"}, Scores: []string{"wait.mean"}, Window: hour}})
	first := w.next()
	if !first.GetSnapshot() || first.GetResumeExpired() || len(first.GetChanges()) != 2 {
		t.Fatalf("%v", first)
	}
	for _, c := range first.GetChanges() {
		if c.Previous != nil {
			t.Errorf("nothing was told before: %v", c)
		}
	}
	step := func(touchpoint, was, organisation, orgWas float64, n int64) {
		t.Helper()
		r := w.next()
		if r.GetSnapshot() || len(r.GetChanges()) != 2 {
			t.Fatalf("%v", r)
		}
		for _, c := range r.GetChanges() {
			want, before := organisation, orgWas
			if name(c.GetScore()) == "wait.mean call" {
				want, before = touchpoint, was
			}
			if c.GetScore().GetValue() != want || c.GetPrevious() != before {
				t.Errorf("%s: %v → %v, want %v → %v", name(c.GetScore()), c.GetPrevious(), c.GetScore().GetValue(), before, want)
			}
		}
	}
	k.fold(sealed("x", 1, call(monday, "call", "", "answered", 50_000)))
	step(30, 10, 30, 20, 2)
	k.fold(sealed("x", 2, call(monday, "call", "", "answered", 20_000)))
	step(15, 30, 20, 30, 2)
	r := sealed("x", 3, nil)
	r.Kind = 1
	k.fold(r)
	step(10, 15, 20, 20, 1)
}

func TestWatchNamedScoresAndSlidingWindows(t *testing.T) {
	k := seeded(t)
	ref := &scorev1.ScoreRef{Score: "recommend.nps", Scope: &scorev1.Scope{Touchpoint: "shop"}, Window: scorev1.Window_WINDOW_5M}
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{ref, ref}})
	if first := w.next(); len(first.GetChanges()) != 1 || first.GetChanges()[0].GetScore().GetSuppressed() != "no answers" {
		t.Fatalf("a named score is told without a case, once: %v", first)
	}
	k.fold(sealed("a", 0, answer(monday, "shop", "recommend", 9)))
	if c, _ := w.until("recommend.nps shop", 100); c.Previous != nil || c.GetPreviousN() != 0 {
		t.Errorf("%v", c)
	}
	k.advance(6 * time.Minute)
	if r := w.next(); r.GetChanges()[0].GetScore().GetSuppressed() != "no answers" || r.GetChanges()[0].GetPrevious() != 100 || r.GetChanges()[0].GetPreviousN() != 1 {
		t.Errorf("slid out: %v", r)
	}
}

// TestWatchFindsNewScores: touchpoints and teams that get their first case while being watched appear.
func TestWatchFindsNewScores(t *testing.T) {
	k := seeded(t)
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Scores: []string{"interactions.count"}, ByTeam: true, NoOrganisation: true}})
	if first := w.next(); len(first.GetChanges()) != 4 {
		t.Fatalf("%v", names(first))
	}
	k.fold(sealed("s", 0, call(monday, "site", "south", "answered", 1)))
	c, _ := w.until("interactions.count site//south", 1)
	if c.Previous != nil {
		t.Errorf("%v", c)
	}
}

func TestWatchFollowsTheMap(t *testing.T) {
	k := seeded(t)
	c := k.client()
	w := watchOf(t, c, &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Scores: []string{"in_time", "wait.*"}, Touchpoints: []string{"call"}, NoOrganisation: true}})
	named := watchOf(t, c, &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "outcome.abandoned.share"}}})
	if first := w.next(); len(first.GetChanges()) != 10 {
		t.Fatalf("%v", names(first))
	}
	named.next()
	// A new threshold acts at once.
	k.apply("default", 2, func(m *mapv1.Map) { m.ServiceLevels[0].Threshold = 5 })
	change, _ := w.until("in_time call", 0)
	if change.GetPrevious() != 100 || change.GetScore().GetMapVersion() != 2 {
		t.Errorf("%v", change)
	}
	// What the map no longer has ends a watch that names it, and goes from one that filters.
	k.apply("default", 3, func(m *mapv1.Map) {
		m.ServiceLevels, m.Outcomes = nil, m.Outcomes[:1]
	})
	for {
		if _, err := named.stream.Recv(); err != nil {
			if err == io.EOF || status.Code(err) == codes.DeadlineExceeded {
				t.Errorf("%v", err)
			}
			break
		}
	}
	// The filter names a score that has gone.
	for {
		if _, err := w.stream.Recv(); err != nil {
			if status.Code(err) == codes.DeadlineExceeded {
				t.Errorf("%v", err)
			}
			break
		}
	}
}

func TestResume(t *testing.T) {
	k := seeded(t)
	c := k.client()
	req := func(token string) *scorev1.WatchScoresRequest {
		return &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Scores: []string{"interactions.count", "wait.mean"}, Window: hour}, ResumeToken: token}
	}
	w := watchOf(t, c, req(""))
	token := w.next().GetResumeToken()
	w.stop()

	// Nothing happened: an empty response says that the watch goes on.
	w = watchOf(t, c, req(token))
	if r := w.next(); r.GetSnapshot() || r.GetResumeExpired() || len(r.GetChanges()) != 0 {
		t.Fatalf("%v", r)
	}
	// What was told before the break counts as told.
	k.fold(sealed("n", 0, call(monday, "shop", "", "answered", 30_000)))
	ch, r := w.until("interactions.count shop", 2)
	if ch.GetPrevious() != 1 {
		t.Errorf("%v", ch)
	}
	token = r.GetResumeToken()
	w.stop()

	// Only what changed meanwhile comes, without the value before.
	k.fold(sealed("m", 0, call(monday, "shop", "", "answered", 30_000)))
	w = watchOf(t, c, req(token))
	r = w.next()
	got := names(r)
	if r.GetSnapshot() || r.GetResumeExpired() || !got["interactions.count shop"] || !got["interactions.count"] || got["interactions.count call"] || got["wait.mean call"] {
		t.Fatalf("%v", r)
	}
	for _, c := range r.GetChanges() {
		if c.Previous != nil {
			t.Errorf("%v", c)
		}
	}
	token = r.GetResumeToken()
	w.stop()

	expired := func(req *scorev1.WatchScoresRequest, why string) {
		t.Helper()
		w := watchOf(t, c, req)
		if r := w.next(); !r.GetSnapshot() || !r.GetResumeExpired() || len(r.GetChanges()) == 0 {
			t.Errorf("%s: %v", why, r)
		}
		w.stop()
	}
	other := req(token)
	other.Filter.ByTeam = true
	expired(other, "another question")
	expired(req("bm9uc2Vuc2U"), "no token")
	again := seeded(t)
	expiredElsewhere := watchOf(t, again.client(), req(token))
	if r := expiredElsewhere.next(); !r.GetSnapshot() || !r.GetResumeExpired() {
		t.Errorf("another instance: %v", r)
	}
	// Series that nobody watches are forgotten after a while, and tokens from before with them.
	k.advance(keepIdle + time.Minute)
	keep := watchOf(t, c, &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.sd", Window: weeks}}})
	keep.next()
	for k.svc.hub.knows(resume{0, k.svc.hub.instance, 0}) {
		time.Sleep(10 * time.Millisecond)
	}
	k.fold(sealed("p", 0, call(k.clock(), "shop", "", "answered", 30_000)))
	expired(req(token), "forgotten")
}

// TestSlowWatchersHoldNobodyUp: one watcher never reads; others get the newest value, and so does it in the end.
func TestSlowWatchersHoldNobodyUp(t *testing.T) {
	k := seeded(t)
	c := k.client()
	req := func() *scorev1.WatchScoresRequest {
		return &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Scores: []string{"*"}, ByTeam: true, ByChannel: true}}
	}
	slow, fast := watchOf(t, c, req()), watchOf(t, c, req())
	fast.next()
	const total = 300
	for i := range total {
		k.fold(sealed(fmt.Sprint("c", i), 0, call(monday, "call", "north", "answered", int64(i)*1000)))
		if i%50 == 0 {
			fast.until("interactions.count call", float64(i+2))
		}
	}
	fast.until("interactions.count call", total+1)
	responses := 0
	for done := false; !done; responses++ {
		for _, ch := range slow.next().GetChanges() {
			done = done || name(ch.GetScore()) == "interactions.count call" && ch.GetScore().GetValue() == total+1
		}
	}
	if responses > total {
		t.Errorf("%d responses were not conflated", responses)
	}
}

func TestWatchRefusals(t *testing.T) {
	k := seeded(t)
	for _, c := range []struct {
		req          *scorev1.WatchScoresRequest
		field, words string
	}{
		{&scorev1.WatchScoresRequest{MinIntervalMs: 5}, "min_interval_ms", "100"},
		{&scorev1.WatchScoresRequest{Filter: &scorev1.Filter{From: ts(monday)}}, "filter.from", "live windows"},
		{&scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mean", From: ts(monday.Add(-time.Hour))}}}, "refs[0].from", "live windows"},
		{&scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mena"}}}, "refs[0].score", "wait.mean"},
		{&scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mean"}}, Filter: &scorev1.Filter{ByTeam: true}}, "filter", "one of the two"},
	} {
		wantField(t, k.svc.WatchScores(c.req, &nowhere{}), c.field, c.words)
	}
}

// TestCloseEndsWatches: they can be resumed elsewhere, and are told so.
func TestCloseEndsWatches(t *testing.T) {
	k := seeded(t)
	done := make(chan error, 1)
	sent := &nowhere{sent: make(chan struct{}, 8)}
	go func() { done <- k.svc.WatchScores(&scorev1.WatchScoresRequest{}, sent) }()
	<-sent.sent
	k.svc.Close()
	if err := <-done; err == nil {
		t.Error("the watch ended without a reason")
	}
}

// BenchmarkWatch computes 336 scores of 84 touchpoints after each message, for 200 watchers that are told of each change.
func BenchmarkWatch(b *testing.B) {
	k := newKit(b)
	k.apply("default", 2, func(m *mapv1.Map) {
		for i := range 84 {
			m.Touchpoints = append(m.Touchpoints, &mapv1.Touchpoint{Id: fmt.Sprint("t", i), FunctionalOwner: "a", OperationalOwner: "b"})
		}
	})
	k.fresh()
	for i := range 84 * 20 {
		k.fold(sealed(fmt.Sprint("c", i), 0, call(monday.Add(-time.Duration(i)*time.Second), fmt.Sprint("t", i%84), "north", "answered", int64(i*i)%200_000)))
	}
	f := &scorev1.Filter{Scores: []string{"interactions.count", "wait.mean", "wait.p90", "in_time"}, NoOrganisation: true, Window: hour}
	var watchers []*watch
	for range 200 {
		w, err := k.svc.newWatch(context.Background(), &scorev1.WatchScoresRequest{Filter: f})
		if err != nil {
			b.Fatal(err)
		}
		defer w.close()
		if _, _, err := w.first(""); err != nil {
			b.Fatal(err)
		}
		watchers = append(watchers, w)
	}
	i := 0
	for b.Loop() {
		for t := range 84 {
			i++
			k.fold(sealed(fmt.Sprint("n", i), 0, call(monday, fmt.Sprint("t", t), "north", "answered", int64(i%60)*1000)))
		}
		k.svc.hub.compute(watchers[0].mine)
		for _, w := range watchers {
			if _, _, err := w.next(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
