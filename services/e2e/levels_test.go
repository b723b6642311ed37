package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// queued is one call of a made-up queue log.
type queued struct {
	wait     int // seconds
	answered bool
	left     bool // by key
}

// aQueue makes calls whose waits are often exactly at a limit, and the log that Asterisk would have written of them.
func aQueue(r *rand.Rand, n int, from time.Time) (calls []queued, log string) {
	var b strings.Builder
	for i := range n {
		c := queued{wait: []int{r.IntN(60), 20, 5, r.IntN(8)}[r.IntN(4)]}
		at, id := from.Add(time.Duration(i)*7*time.Second).Unix(), fmt.Sprintf("%d.%d", from.Unix(), i)
		fmt.Fprintf(&b, "%d|%s|support|NONE|ENTERQUEUE||anonymous|1\n", at, id)
		switch k := r.IntN(10); {
		case k < 7:
			c.answered = true
			talk := 30 + r.IntN(200)
			fmt.Fprintf(&b, "%d|%s|support|Jon|CONNECT|%d|%s.1|1\n", at+int64(c.wait), id, c.wait, id)
			fmt.Fprintf(&b, "%d|%s|support|Jon|COMPLETECALLER|%d|%d|1\n", at+int64(c.wait+talk), id, c.wait, talk)
		case k < 9:
			fmt.Fprintf(&b, "%d|%s|support|NONE|ABANDON|1|1|%d\n", at+int64(c.wait), id, c.wait)
		default:
			c.left = true
			fmt.Fprintf(&b, "%d|%s|support|NONE|EXITWITHKEY|1|1|1|%d\n", at+int64(c.wait), id, c.wait)
		}
		calls = append(calls, c)
	}
	return calls, b.String()
}

// recountLevel is a service level counted call by call, as its published formula reads.
func recountLevel(calls []queued, a mapv1.Abandons, threshold, short int, atMost bool) float64 {
	within := func(wait, limit int) bool { return wait < limit || atMost && wait == limit }
	var answered, inTime, abandoned, abandonedInTime, abandonedShort float64
	for _, c := range calls {
		switch {
		case c.left:
		case c.answered:
			answered++
			if within(c.wait, threshold) {
				inTime++
			}
		default:
			abandoned++
			if within(c.wait, threshold) {
				abandonedInTime++
			}
			if c.wait < short {
				abandonedShort++
			}
		}
	}
	switch a {
	case mapv1.Abandons_ABANDONS_WITHIN_SUCCEED:
		return 100 * (inTime + abandonedInTime) / (answered + abandoned)
	case mapv1.Abandons_ABANDONS_LEFT_OUT:
		return 100 * inTime / answered
	case mapv1.Abandons_ABANDONS_FAIL:
		return 100 * inTime / (answered + abandoned)
	case mapv1.Abandons_ABANDONS_WITHIN_LEFT_OUT:
		return 100 * inTime / (answered + abandoned - abandonedInTime)
	case mapv1.Abandons_ABANDONS_SHORT_SUCCEED:
		return 100 * (inTime + abandonedShort) / (answered + abandoned)
	default:
		return 100 * inTime / (answered + abandoned - abandonedShort)
	}
}

// TestServiceLevels: the six published formulas with both boundaries, of a queue log taken as it is, equal a recount call by
// call; a threshold changed in the map changes all history at once and folds nothing again; a breakdown added is folded
// beside and equals a rebuild.
func TestServiceLevels(t *testing.T) {
	i := started(t)
	api := i.Clients()
	threshold := 20.0
	level := func(a mapv1.Abandons, b mapv1.Boundary) string {
		return strings.ToLower(strings.TrimPrefix(a.String(), "ABANDONS_") + strings.TrimPrefix(b.String(), "BOUNDARY"))
	}
	m := &mapv1.Map{
		Organisation: "queue", Zone: "Europe/Berlin", Breakdowns: []string{"channel"},
		Touchpoints: []*mapv1.Touchpoint{{Id: "help", FunctionalOwner: "head", OperationalOwner: "floor"}},
		Channels:    []*mapv1.Channel{{Id: "voice"}},
		Teams:       []*mapv1.Team{{Id: "north"}},
		Metrics:     []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}},
		Outcomes:    []*mapv1.Outcome{{Id: "answered"}, {Id: "abandoned"}, {Id: "left_other"}},
		Feeds:       []*mapv1.Feed{{Source: "pbx", Format: "asterisk-queue-log", Rules: []*mapv1.FeedRule{{Queue: "support", Touchpoint: "help", Team: "north"}}}},
	}
	for a := mapv1.Abandons_ABANDONS_WITHIN_SUCCEED; a <= mapv1.Abandons_ABANDONS_SHORT_LEFT_OUT; a++ {
		for _, b := range []mapv1.Boundary{mapv1.Boundary_BOUNDARY_BELOW, mapv1.Boundary_BOUNDARY_AT_MOST} {
			s := &mapv1.ServiceLevel{Id: level(a, b), Metric: "wait", Threshold: threshold, Boundary: b, Outcomes: []string{"answered"}, Abandons: a, Abandoned: []string{"abandoned"}}
			if a >= mapv1.Abandons_ABANDONS_SHORT_SUCCEED {
				s.Short = 5
			}
			m.ServiceLevels = append(m.ServiceLevels, s)
		}
	}
	apply := func() {
		t.Helper()
		if _, err := api.Maps.ApplyMap(t.Context(), &mapv1.ApplyMapRequest{Map: m}); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	day := time.Now().AddDate(0, 0, -3)
	calls, log := aQueue(rand.New(rand.NewPCG(7, 8)), 3000, day)
	if _, err := api.Native.PublishNative(t.Context(), &ingestv1.PublishNativeRequest{Organisation: "queue", Source: "pbx", Body: []byte(log)}); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); settled(t, api.Admin).GetFacts() < uint64(len(calls)); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the calls were not counted in time")
		}
	}
	get := func(id string, scope *scorev1.Scope) (*scorev1.Score, error) {
		r, err := api.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
			Organisation: "queue", Score: id, Scope: scope, From: timestamppb.New(day.AddDate(0, 0, -1)), To: timestamppb.New(day.AddDate(0, 0, 2)),
		}})
		return r.GetScore(), err
	}
	compare := func() {
		t.Helper()
		for a := mapv1.Abandons_ABANDONS_WITHIN_SUCCEED; a <= mapv1.Abandons_ABANDONS_SHORT_LEFT_OUT; a++ {
			for _, b := range []mapv1.Boundary{mapv1.Boundary_BOUNDARY_BELOW, mapv1.Boundary_BOUNDARY_AT_MOST} {
				want := recountLevel(calls, a, int(threshold), 5, b == mapv1.Boundary_BOUNDARY_AT_MOST)
				s, err := get(level(a, b), nil)
				if err != nil || s.Value == nil || math.Abs(s.GetValue()-want) > 1e-9 {
					t.Errorf("%s at %v: %v %v (%v), want %v", level(a, b), threshold, s.GetValue(), s.GetSuppressed(), err, want)
				}
			}
		}
	}
	compare()
	before := statusOf(t, api.Admin)

	threshold = 10
	for _, s := range m.ServiceLevels {
		s.Threshold = threshold
	}
	apply()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // correlation hears of the map in a moment
		if s, err := get(m.ServiceLevels[0].GetId(), nil); err == nil && s.GetMapVersion() == 2 {
			break
		}
		if time.Now().After(until) {
			t.Fatal("the new map was not read in time")
		}
	}
	compare()
	if after := statusOf(t, api.Admin); after.GetGeneration() != before.GetGeneration() {
		t.Errorf("a threshold folded a new generation: %d after %d", after.GetGeneration(), before.GetGeneration())
	}

	m = proto.CloneOf(m)
	m.Breakdowns = []string{"channel", "team"}
	apply()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := get(m.ServiceLevels[0].GetId(), nil); err != nil {
			t.Fatal("the old generation serves meanwhile: ", err)
		}
		s, err := get("interactions.count", &scorev1.Scope{Team: "north"})
		if err == nil && s.GetValue() == float64(len(calls)) {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("the new breakdown is not there: %v %v", s, err)
		}
	}
	if statusOf(t, api.Admin).GetGeneration() == before.GetGeneration() {
		t.Error("a breakdown was added without counting again")
	}
	verified(t, api.Admin)
	compare()
}

func statusOf(t *testing.T, admin adminv1.AdminServiceClient) *adminv1.GetStatusResponse {
	t.Helper()
	st, err := admin.GetStatus(t.Context(), &adminv1.GetStatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return st
}
