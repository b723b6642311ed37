package correlation

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

const patience = 30 * time.Second

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// running is the service over gRPC: a host with this unit, a bus of its own and the map of acme.
type running struct {
	t        testing.TB
	bus      *bus.Bus
	data     string
	disputes scorev1.DisputeServiceClient
	scores   scorev1.ScoreServiceClient
	admin    adminv1.AdminServiceClient
	// What people send: two owners of acme, an admin, a reader of acme, an owner of another organisation.
	anna, ben, root, reader, other context.Context
	stop                           func()
}

func run(t testing.TB) *running {
	t.Helper()
	r := &running{t: t, data: t.TempDir()}
	r.bus, _ = bustest.In(t, t.TempDir())
	ctx := soon(t)
	maps, err := expmap.NewRegistry(ctx, r.bus.JS())
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	m := &mapv1.Map{
		Organisation: "acme", Zone: "Europe/Berlin", ProgrammeOwner: "cx_lead",
		Outcomes: []*mapv1.Outcome{{Id: "answered"}},
		Metrics:  []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}},
		Touchpoints: []*mapv1.Touchpoint{
			{Id: "help", FunctionalOwner: "head_of_care", OperationalOwner: "shift_lead", Steps: []*mapv1.ProcessStep{{Id: "route", Owner: "router", Place: mapv1.Place_PLACE_BACK_STAGE}}},
			{Id: "shop", FunctionalOwner: "head_of_sales", OperationalOwner: "shop_lead"},
		},
		Questions: []*mapv1.Question{{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"help"}}},
	}
	if _, _, err := maps.Apply(ctx, m, nil); err != nil {
		t.Fatal(err)
	}
	keys, err := access.NewKeys(ctx, r.bus.JS(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	as := func(role adminv1.KeyRole, organisation string) context.Context {
		_, token, err := keys.Create(ctx, role, organisation, "")
		if err != nil {
			t.Fatal(err)
		}
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	r.anna, r.ben, r.other = as(adminv1.KeyRole_KEY_ROLE_OWNER, "acme"), as(adminv1.KeyRole_KEY_ROLE_OWNER, "acme"), as(adminv1.KeyRole_KEY_ROLE_OWNER, "other")
	r.root, r.reader = as(adminv1.KeyRole_KEY_ROLE_ADMIN, ""), as(adminv1.KeyRole_KEY_ROLE_READER, "acme")
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *running) start() {
	r.t.Helper()
	cfg, err := host.ReadConfig("", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	telemetry, err := host.NewTelemetry(context.Background(), "", "test")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, halt := context.WithCancel(context.Background())
	ready, ended := make(chan host.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- host.Run(ctx, host.Options{
			GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", DataDir: r.data, Bus: r.bus, Config: cfg, Log: slog.New(slog.DiscardHandler), Telemetry: telemetry,
			Ready: func(a host.Addresses) { ready <- a },
		}, Unit())
	}()
	var at host.Addresses
	select {
	case at = <-ready:
	case err := <-ended:
		r.t.Fatal(err)
	}
	conn, err := grpc.NewClient(at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		r.t.Fatal(err)
	}
	r.disputes, r.scores, r.admin = scorev1.NewDisputeServiceClient(conn), scorev1.NewScoreServiceClient(conn), adminv1.NewAdminServiceClient(conn)
	r.stop = func() {
		r.t.Helper()
		if err := conn.Close(); err != nil {
			r.t.Error(err)
		}
		halt()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		if err := telemetry.Stop(context.Background()); err != nil {
			r.t.Error(err)
		}
	}
}

// record publishes facts as ingest does.
func (r *running) record(facts ...*factv1.RecordedFact) {
	r.t.Helper()
	b, err := proto.Marshal(&factv1.RecordedBatch{Facts: facts})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.bus.JS().Publish(soon(r.t), bus.FactSubject("acme", 3), b); err != nil {
		r.t.Fatal(err)
	}
	r.settled()
}

// settled waits until every fact is counted.
func (r *running) settled() {
	r.t.Helper()
	for range 2000 {
		s, err := r.admin.GetStatus(r.root, &adminv1.GetStatusRequest{})
		if err != nil {
			r.t.Fatal(err)
		}
		if s.GetPosition() >= s.GetStreamLast() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.t.Fatal("it is not counted")
}

func waited(id string, version uint64, at time.Time, ms int64) *factv1.RecordedFact {
	i := &factv1.RecordedInteraction{OccurredAtMs: at.UnixMilli(), Touchpoint: "help", Outcome: "answered", Metrics: []*factv1.RecordedMetric{{Metric: "wait", Value: ms}}}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(i)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(b)
	return &factv1.RecordedFact{
		Source: "acd", Id: id, Version: version, Kind: factv1.Kind_KIND_INTERACTION, Digest: sum[:16], RecordedAtMs: at.UnixMilli(),
		Content: &factv1.RecordedFact_Interaction{Interaction: i},
	}
}

func (r *running) wait() *scorev1.Score {
	r.t.Helper()
	s, err := r.scores.GetScore(soon(r.t), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Organisation: "acme", Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "help"}, Window: scorev1.Window_WINDOW_7D}})
	if err != nil {
		r.t.Fatal(err)
	}
	return s.GetScore()
}

func (r *running) counted(id string) string {
	r.t.Helper()
	s, err := r.scores.GetFact(r.root, &scorev1.GetFactRequest{Organisation: "acme", Source: "acd", Id: id})
	if err != nil {
		r.t.Fatal(err)
	}
	return s.GetStories()[0].GetCounted()
}

// refused checks an error's code and words.
func refused(t testing.TB, err error, code codes.Code, words ...string) {
	t.Helper()
	text := fmt.Sprint(status.Convert(err).Message(), status.Convert(err).Details())
	if status.Code(err) != code || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
		t.Errorf("want %v with %q, got %v %v", code, words, err, status.Convert(err).Details())
	}
}

// TestADispute is the way of one: an owner contests, another rules it out, both values are shown, it survives restart and
// rebuild, is opened again, and is ruled to count.
func TestADispute(t *testing.T) {
	r := run(t)
	at := time.Now().Add(-time.Minute)
	r.record(waited("1", 0, at, 10_000), waited("2", 0, at, 90_000))
	anna, ben := r.anna, r.ben
	contest := func(ctx context.Context, change func(*scorev1.ContestFactRequest)) (*scorev1.Dispute, error) {
		req := &scorev1.ContestFactRequest{Organisation: "acme", Kind: factv1.Kind_KIND_INTERACTION, Source: "acd", Id: "2", Reason: "the line was down for a test", Owner: "shift_lead"}
		if change != nil {
			change(req)
		}
		resp, err := r.disputes.ContestFact(ctx, req)
		return resp.GetDispute(), err
	}
	rule := func(ctx context.Context, id string, ruling factv1.Ruling) (*scorev1.Dispute, error) {
		resp, err := r.disputes.RuleDispute(ctx, &scorev1.RuleDisputeRequest{Organisation: "acme", Id: id, Ruling: ruling, Reason: "the test is in the log of changes"})
		return resp.GetDispute(), err
	}
	values := func(value float64, open, excluded int64, all, none float64) {
		t.Helper()
		s := r.wait()
		c := s.GetContested()
		if s.GetValue() != value || c.GetOpen() != open || c.GetExcluded() != excluded || c.GetWithAll() != all || c.GetWithoutAll() != none {
			t.Errorf("%v of %d: %v; want %v, %d, %d, %v, %v", s.GetValue(), s.GetN(), c, value, open, excluded, all, none)
		}
	}

	// Who may, and what must be said.
	_, err := contest(soon(t), nil)
	refused(t, err, codes.Unauthenticated, "owner")
	_, err = contest(r.reader, nil)
	refused(t, err, codes.PermissionDenied, "owner")
	_, err = contest(r.other, nil)
	refused(t, err, codes.PermissionDenied)
	_, err = contest(anna, func(q *scorev1.ContestFactRequest) { q.Owner = "shop_lead" })
	refused(t, err, codes.InvalidArgument, "owner", "cx_lead, head_of_care, router, shift_lead")
	for _, reason := range []string{"ask j.doe@example.org about it", "they called from 0301234567", "account 12 345 678 is a test"} {
		_, err = contest(anna, func(q *scorev1.ContestFactRequest) { q.Reason = reason })
		refused(t, err, codes.InvalidArgument, "reason", "without naming the customer")
	}
	_, err = contest(anna, func(q *scorev1.ContestFactRequest) { q.Reason = "short" })
	refused(t, err, codes.InvalidArgument, "reason")
	_, err = contest(anna, func(q *scorev1.ContestFactRequest) { q.Id = "3" })
	refused(t, err, codes.NotFound, "no fact 3")
	_, err = contest(anna, func(q *scorev1.ContestFactRequest) { q.Kind = factv1.Kind_KIND_DISPUTE })
	refused(t, err, codes.InvalidArgument)

	// Contested, it counts.
	d, err := contest(anna, nil)
	if err != nil {
		t.Fatal(err)
	}
	if x := d.GetSaid(); d.GetTouchpoint() != "help" || !d.GetAt().AsTime().Equal(time.UnixMilli(at.UnixMilli())) || x.GetOwner() != "shift_lead" || x.GetRuling() != 0 || x.GetRaisedBy() == "" {
		t.Errorf("%v", d)
	}
	moved := func(d *scorev1.Dispute) {
		t.Helper()
		i := slices.IndexFunc(d.GetEffects(), func(e *scorev1.Effect) bool {
			return strings.HasPrefix(e.GetAfter().GetRef().GetScore(), "wait.") && e.GetAfter().GetRef().GetScope().GetTouchpoint() == "help"
		})
		if i < 0 || d.GetEffects()[i].GetBefore().GetN() != 1 || d.GetEffects()[i].GetAfter().GetN() != 2 {
			t.Errorf("effects: %v", d.GetEffects())
		}
	}
	moved(d)
	values(50, 1, 0, 50, 10)
	today := time.Now().In(time.FixedZone("", 3600)).Format(time.DateOnly)
	if got := r.counted("2"); !strings.HasPrefix(got, "contested by shift_lead on "+today+": the line was down for a test; until it is ruled on it counts at help") {
		t.Error(got)
	}
	_, err = contest(ben, nil)
	refused(t, err, codes.FailedPrecondition, "since "+today, d.GetId())
	_, err = rule(anna, d.GetId(), factv1.Ruling_RULING_EXCLUDED)
	refused(t, err, codes.FailedPrecondition, "another person rules")
	_, err = rule(ben, strings.Repeat("0", 32), factv1.Ruling_RULING_EXCLUDED)
	refused(t, err, codes.NotFound)

	// Ruled out, it counts nowhere, through corrections, restarts and rebuilds.
	d, err = rule(ben, d.GetId(), factv1.Ruling_RULING_EXCLUDED)
	if err != nil {
		t.Fatal(err)
	}
	if x := d.GetSaid(); x.GetRuling() != factv1.Ruling_RULING_EXCLUDED || x.GetRuledBy() == x.GetRaisedBy() || x.GetRuledAtMs() == 0 || x.GetReason() == "" {
		t.Errorf("%v", x)
	}
	moved(d)
	values(10, 0, 1, 50, 10)
	if got := r.counted("2"); got != "ruled out on "+today+": the test is in the log of changes; it counts nowhere" {
		t.Error(got)
	}
	_, err = rule(ben, d.GetId(), factv1.Ruling_RULING_COUNTED)
	refused(t, err, codes.FailedPrecondition, "settled", "ruled out on "+today)
	r.record(waited("2", 1, at, 110_000))
	values(10, 0, 1, 60, 10)
	v, err := r.admin.Verify(r.root, &adminv1.VerifyRequest{})
	if err != nil || !v.GetEqual() {
		t.Errorf("verify: %v, %v", v, err)
	}
	if _, err := r.admin.Rebuild(r.root, &adminv1.RebuildRequest{}); err != nil {
		t.Error(err)
	}
	values(10, 0, 1, 60, 10)
	r.stop()
	r.start()
	r.settled()
	values(10, 0, 1, 60, 10)
	why, err := r.scores.ExplainScore(soon(t), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Organisation: "acme", Score: "wait.mean", Window: scorev1.Window_WINDOW_7D}})
	if err != nil || !slices.ContainsFunc(why.GetQuantities(), func(q *scorev1.Quantity) bool {
		return q.GetName() == "ruled out: interaction 2 of acd" && q.GetValue() == "110"
	}) {
		t.Errorf("%v, %v", why.GetQuantities(), err)
	}

	// Opened again it counts, until somebody else than who opened it rules.
	if d, err = contest(ben, func(q *scorev1.ContestFactRequest) { q.Owner, q.Reason = "cx_lead", "customers did hold the line" }); err != nil {
		t.Fatal(err)
	}
	if d.GetSaid().GetRuling() != 0 || d.GetSaid().GetRuledBy() != "" {
		t.Errorf("%v", d.GetSaid())
	}
	values(60, 1, 0, 60, 10)
	_, err = rule(ben, d.GetId(), factv1.Ruling_RULING_COUNTED)
	refused(t, err, codes.FailedPrecondition, "another person rules")
	if d, err = rule(anna, d.GetId(), factv1.Ruling_RULING_COUNTED); err != nil {
		t.Fatal(err)
	}
	values(60, 0, 0, 0, 0)
	if got := r.counted("2"); !strings.HasPrefix(got, "counts at help") || !strings.HasSuffix(got, "; ruled to count on "+today+": the test is in the log of changes") {
		t.Error(got)
	}

	// Its steps are in the log, as facts of one identity, in its fact's partition.
	story, err := r.scores.GetFact(r.root, &scorev1.GetFactRequest{Organisation: "acme", Kind: factv1.Kind_KIND_DISPUTE, Source: "disputes", Id: d.GetId()})
	if err != nil || len(story.GetStories()[0].GetDeliveries()) != 4 {
		t.Fatalf("%v, %v", story, err)
	}
	for i, x := range story.GetStories()[0].GetDeliveries() {
		content, err := proto.MarshalOptions{Deterministic: true}.Marshal(x.GetFact().GetDispute())
		sum := sha256.Sum256(content)
		if err != nil || x.GetVersion() != uint64(i+1) || string(x.GetFact().GetDigest()) != string(sum[:16]) {
			t.Errorf("%v, %v", x, err)
		}
		s, err := r.bus.JS().Stream(soon(t), bus.StreamFact)
		if err != nil {
			t.Fatal(err)
		}
		if msg, err := s.GetMsg(soon(t), x.GetPosition()); err != nil || msg.Subject != bus.FactSubject("acme", 3) || msg.Header.Get(bus.HeaderMap) != "1" {
			t.Errorf("%v, %v", msg, err)
		}
	}
	facts, err := r.scores.ListFacts(r.root, &scorev1.ListFactsRequest{Organisation: "acme"})
	if err != nil || len(facts.GetFacts()) != 2 {
		t.Errorf("%v, %v", facts, err)
	}
}

// A customer who is forgotten takes the fact along: the dispute stays, of something that is not there.
func TestAForgottenFactIsContestedNoMore(t *testing.T) {
	r := run(t)
	at := time.Now().Add(-time.Minute)
	r.record(waited("1", 0, at, 10_000), waited("2", 0, at, 90_000), waited("3", 0, at, 20_000))
	anna, ben := r.anna, r.root
	for _, id := range []string{"2", "3"} {
		if _, err := r.disputes.ContestFact(anna, &scorev1.ContestFactRequest{Organisation: "acme", Kind: factv1.Kind_KIND_INTERACTION, Source: "acd", Id: id, Reason: "the line was down", Owner: "router"}); err != nil {
			t.Fatal(err)
		}
	}
	gone := waited("2", math.MaxUint64, at, 0)
	gone.Content, gone.Digest = nil, make([]byte, 16)
	r.record(gone)
	if s := r.wait(); s.GetValue() != 15 || s.GetContested().GetOpen() != 1 || s.GetContested().GetWithoutAll() != 10 {
		t.Errorf("%v", s)
	}
	if got := r.counted("2"); got != "retracted: it counts nowhere" {
		t.Error(got)
	}
	list, err := r.disputes.ListDisputes(soon(t), &scorev1.ListDisputesRequest{Organisation: "acme", Open: true})
	if err != nil || len(list.GetDisputes()) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if d := list.GetDisputes()[0]; d.GetSaid().GetId() != "3" || d.GetAt() == nil || len(d.GetEffects()) == 0 {
		t.Errorf("%v", d)
	}
	d := list.GetDisputes()[1]
	if d.GetSaid().GetId() != "2" || d.GetAt() != nil || d.GetTouchpoint() != "" || len(d.GetEffects()) > 0 {
		t.Errorf("%v", d)
	}
	if _, err := r.disputes.RuleDispute(ben, &scorev1.RuleDisputeRequest{Organisation: "acme", Id: d.GetId(), Ruling: factv1.Ruling_RULING_EXCLUDED, Reason: "it is gone anyway"}); err != nil {
		t.Error(err)
	}
	_, err = r.disputes.ContestFact(anna, &scorev1.ContestFactRequest{Organisation: "acme", Kind: factv1.Kind_KIND_INTERACTION, Source: "acd", Id: "2", Reason: "the line was down", Owner: "router"})
	refused(t, err, codes.FailedPrecondition, "retracted")

	// Pages, and the filters.
	var ids []string
	for token := ""; ; {
		page, err := r.disputes.ListDisputes(soon(t), &scorev1.ListDisputesRequest{Organisation: "acme", PageSize: 1, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page.GetDisputes() {
			ids = append(ids, x.GetSaid().GetId())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if !slices.Equal(ids, []string{"3", "2"}) {
		t.Errorf("pages: %v", ids)
	}
	for _, c := range []struct {
		req  *scorev1.ListDisputesRequest
		want int
	}{
		{&scorev1.ListDisputesRequest{Open: true}, 1}, {&scorev1.ListDisputesRequest{Touchpoint: "help"}, 1}, {&scorev1.ListDisputesRequest{Touchpoint: "shop"}, 0},
	} {
		c.req.Organisation = "acme"
		if list, err := r.disputes.ListDisputes(soon(t), c.req); err != nil || len(list.GetDisputes()) != c.want {
			t.Errorf("%v: %v, %v", c.req, list, err)
		}
	}
	_, err = r.disputes.ListDisputes(soon(t), &scorev1.ListDisputesRequest{Organisation: "acme", Touchpoint: "hlep"})
	refused(t, err, codes.InvalidArgument, "help")
	_, err = r.disputes.ListDisputes(soon(t), &scorev1.ListDisputesRequest{Organisation: "acme", PageToken: "!"})
	refused(t, err, codes.InvalidArgument, "page_token")
	_, err = r.disputes.ListDisputes(r.other, &scorev1.ListDisputesRequest{Organisation: "acme"})
	refused(t, err, codes.PermissionDenied)
}

// An answer is named with its interaction, whose source may be left out; what has no touchpoint yet is the programme's.
func TestAnAnswerIsContested(t *testing.T) {
	r := run(t)
	at := time.Now().Add(-time.Minute)
	a := &factv1.RecordedAnswer{Question: "recommend", Value: 0}
	r.record(&factv1.RecordedFact{Source: "acd", Id: "a", Kind: factv1.Kind_KIND_ANSWER, Digest: make([]byte, 16), AboutSource: "acd", AboutId: "1", Content: &factv1.RecordedFact_Answer{Answer: a}})
	anna, ben := r.anna, r.ben
	req := &scorev1.ContestFactRequest{
		Organisation: "acme", Kind: factv1.Kind_KIND_ANSWER, Source: "acd", Id: "a", Interaction: &factv1.InteractionRef{Id: "1"}, Reason: "it was meant for the shop", Owner: "shift_lead",
	}
	_, err := r.disputes.ContestFact(anna, req)
	refused(t, err, codes.InvalidArgument, "owner", "cx_lead")
	req.Owner = "cx_lead"
	got, err := r.disputes.ContestFact(anna, req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.disputes.RuleDispute(ben, &scorev1.RuleDisputeRequest{Organisation: "acme", Id: got.GetDispute().GetId(), Ruling: factv1.Ruling_RULING_EXCLUDED, Reason: "so the customer says"}); err != nil {
		t.Fatal(err)
	}
	r.record(waited("1", 0, at, 10_000))
	s, err := r.scores.GetScore(soon(t), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Organisation: "acme", Score: "recommend.nps", Window: scorev1.Window_WINDOW_7D}})
	if err != nil || s.GetScore().GetN() != 0 || s.GetScore().GetContested().GetExcluded() != 1 || s.GetScore().GetContested().GetWithAll() != -100 || s.GetScore().GetContested().WithoutAll != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func TestReasonsNameNobody(t *testing.T) {
	for reason, ok := range map[string]bool{
		"the line was down on 2026-11-25 from 10:15 to 10:45": true, "12 of 300 calls, queue 123456": true, "see change CHG-4711 @ noon": true,
		"call +49 30 123456 back": false, "anna@example.org complained": false, "account 1234567": false, "١٢٣٤٥٦٧ is theirs": false, "          ": false,
	} {
		if err := plain("reason", reason); (err == nil) != ok {
			t.Errorf("%q: %v", reason, err)
		}
	}
}
