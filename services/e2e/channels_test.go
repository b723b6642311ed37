package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// waited is one contact of a made-up help desk.
type waited struct {
	channel string
	wait    int // seconds
}

// deskRecords writes contacts as the systems of their channels would have: a queue log for voice, contact records for chat and
// mail.
func deskRecords(all []waited, from time.Time) (pbx, cloud string) {
	var log, records strings.Builder
	for i, c := range all {
		at := from.Add(time.Duration(i) * time.Minute).Truncate(time.Second)
		if c.channel == "voice" {
			id := fmt.Sprintf("%d.%d", at.Unix(), i)
			fmt.Fprintf(&log, "%d|%s|support|NONE|ENTERQUEUE||anonymous|1\n", at.Unix(), id)
			fmt.Fprintf(&log, "%d|%s|support|Jon|CONNECT|%d|%s.1|1\n", at.Unix()+int64(c.wait), id, c.wait, id)
			fmt.Fprintf(&log, "%d|%s|support|Jon|COMPLETEAGENT|%d|60|1\n", at.Unix()+int64(c.wait)+60, id, c.wait)
			continue
		}
		stamp := func(after int) string { return at.Add(time.Duration(after) * time.Second).UTC().Format(time.RFC3339) }
		b, err := json.Marshal(map[string]any{
			"ContactId": fmt.Sprintf("contact-%d", i), "Channel": strings.ToUpper(c.channel), "InitiationMethod": "INBOUND",
			"InitiationTimestamp": stamp(0), "DisconnectTimestamp": stamp(c.wait + 60), "LastUpdateTimestamp": stamp(c.wait + 70),
			"Queue": map[string]any{"Name": "support", "EnqueueTimestamp": stamp(0), "DequeueTimestamp": stamp(c.wait), "Duration": c.wait},
			"Agent": map[string]any{"Username": "jon", "ConnectedToAgentTimestamp": stamp(c.wait), "AgentInteractionDuration": 60},
		})
		if err != nil {
			panic(err)
		}
		records.Write(b)
		records.WriteByte('\n')
	}
	return log.String(), records.String()
}

// TestSameMetricOnEveryChannel: one metric, declared once, measures voice, chat and mail, whichever system they come from; each
// channel's figures equal a recount, and all channels together are their sum.
func TestSameMetricOnEveryChannel(t *testing.T) {
	i := started(t)
	api := i.Clients()
	rules := []*mapv1.FeedRule{{Queue: "support", Touchpoint: "help"}} // the channel is the record's own
	m := &mapv1.Map{
		Organisation: "desk", Zone: "Europe/Berlin", Breakdowns: []string{"channel"},
		Touchpoints: []*mapv1.Touchpoint{{Id: "help", FunctionalOwner: "head", OperationalOwner: "floor"}},
		Channels:    []*mapv1.Channel{{Id: "voice"}, {Id: "chat"}, {Id: "email"}},
		Metrics:     []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000, Better: mapv1.Better_BETTER_LOWER}},
		Outcomes:    []*mapv1.Outcome{{Id: "answered"}, {Id: "abandoned"}},
		Feeds: []*mapv1.Feed{
			{Source: "pbx", Format: "asterisk-queue-log", Rules: rules},
			{Source: "cloud", Format: "amazon-connect-record", Rules: rules},
		},
	}
	if _, err := api.Maps.ApplyMap(t.Context(), &mapv1.ApplyMapRequest{Map: m}); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	longest := map[string]int{"voice": 90, "chat": 40, "email": 7000}
	var contacts []waited
	byChannel := map[string][]int{}
	for range 600 {
		c := waited{channel: []string{"voice", "chat", "email"}[r.IntN(3)]}
		c.wait = r.IntN(longest[c.channel])
		contacts = append(contacts, c)
		byChannel[c.channel] = append(byChannel[c.channel], c.wait)
	}
	pbx, cloud := deskRecords(contacts, time.Now().AddDate(0, 0, -3))
	for source, body := range map[string]string{"pbx": pbx, "cloud": cloud} {
		if _, err := api.Native.PublishNative(t.Context(), &ingestv1.PublishNativeRequest{Organisation: "desk", Source: source, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	get := func(score, channel string) *scorev1.Score {
		t.Helper()
		resp, err := api.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
			Organisation: "desk", Score: score, Scope: &scorev1.Scope{Channel: channel}, Window: scorev1.Window_WINDOW_28D,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetScore()
	}
	for deadline := time.Now().Add(20 * time.Second); get("interactions.count", "").GetN() < int64(len(contacts)); {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d contacts are counted", get("interactions.count", "").GetN(), len(contacts))
		}
		time.Sleep(20 * time.Millisecond)
	}
	var n, sum int64
	for channel, waits := range byChannel {
		slices.Sort(waits)
		total := int64(0)
		for _, w := range waits {
			total += int64(w)
		}
		if s := get("wait.sum", channel); s.GetN() != int64(len(waits)) || s.GetValue() != float64(total) || s.GetUnit() != "s" {
			t.Errorf("%s: wait.sum %v, want %d of %d", channel, s, total, len(waits))
		}
		// Whole seconds are exact up to 300, beyond them within 1%.
		median := float64(waits[(len(waits)+1)/2-1])
		if s := get("wait.median", channel); s.GetValue() < median*0.99 || s.GetValue() > median*1.01 {
			t.Errorf("%s: wait.median %v, want %v", channel, s.GetValue(), median)
		}
		n, sum = n+int64(len(waits)), sum+total
	}
	if s := get("wait.sum", ""); s.GetN() != n || s.GetValue() != float64(sum) {
		t.Errorf("all channels: wait.sum %v, want %d of %d", s, sum, n)
	}
}
