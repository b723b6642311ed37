package scoreservice

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// floor is a service for agents over a kit: who asked is in the audit.
type floor struct {
	*kit
	agents *Agents
	lines  []*adminv1.AuditLine
	broken error // of the audit
	calls  int
}

// agentHash stands for the keyed hash: the name, filled up.
func agentHash(name string) []byte { return []byte((name + "................")[:16]) }

// openFloor keeps agents in a map in which north changes from east to west on a day, and south stands in west.
func openFloor(t testing.TB, on string) *floor {
	f := &floor{kit: newKit(t)}
	f.apply("default", 2, func(m *mapv1.Map) {
		reorganised(on)(m)
		m.AgentScores = mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER
	})
	f.fresh()
	f.agents = NewAgents(f.r, func(_, agent string) ([]byte, error) { return agentHash(agent), nil }, func(_ context.Context, l *adminv1.AuditLine) error {
		if f.broken == nil {
			f.lines = append(f.lines, l)
		}
		return f.broken
	})
	return f
}

// handled folds n calls of an agent at a time, whose waits are about so many seconds.
func (f *floor) handled(agent, team string, n int, at time.Time, seconds int64) {
	f.t.Helper()
	for i := range n {
		f.calls++
		c := call(at, "call", team, []string{"answered", "abandoned"}[i%2], 1000*(seconds+int64(i%5)-2))
		if agent != "" {
			c.Agent = agentHash(agent)
		}
		f.fold(sealed(fmt.Sprint("call", f.calls), 0, c))
	}
}

func self(agent string) *access.Agents { return &access.Agents{Own: agentHash(agent)} }

func leads(teams ...string) *access.Agents { return &access.Agents{Leads: teams} }

func holding(reads *access.Agents) context.Context {
	return access.With(context.Background(), access.Principal{KeyID: "key", Role: accessv1.Role_ROLE_AGENT, Organisation: "default", Reads: reads})
}

func waits(team string) *scorev1.GetAgentScoresRequest {
	return &scorev1.GetAgentScoresRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Team: team}}}
}

func named(req *scorev1.GetAgentScoresRequest, agent string) *scorev1.GetAgentScoresRequest {
	req.Agent = agent
	return req
}

func (f *floor) read(reads *access.Agents, req *scorev1.GetAgentScoresRequest) *scorev1.GetAgentScoresResponse {
	f.t.Helper()
	resp, err := f.agents.GetAgentScores(holding(reads), req)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp
}

// told lists rows as "agent team n", with why there is no value.
func told(resp *scorev1.GetAgentScoresResponse) string {
	var out []string
	for _, x := range resp.GetAgents() {
		b, _ := hex.DecodeString(x.GetAgent())
		line := fmt.Sprintf("%s %s %d", strings.TrimRight(string(b), "."), x.GetTeam(), x.GetN())
		if x.Suppressed != "" {
			line += " (" + x.GetSuppressed() + ")"
		}
		if (x.Value == nil) != (x.Suppressed != "") || (x.Value == nil) != (x.Interval == nil) {
			line += " BROKEN"
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

// staffed has three agents in north and two in south, and calls of north that nobody is known for.
func staffed(t testing.TB) *floor {
	f := openFloor(t, "2026-01-01")
	day := monday.Add(-48 * time.Hour)
	f.handled("carl", "north", 40, day, 30)
	f.handled("anna", "north", 200, day, 20)
	f.handled("bert", "north", 15, day, 90)
	f.handled("", "north", 50, day, 40)
	f.handled("dora", "south", 30, day, 10)
	f.handled("anna", "south", 20, day, 50)
	return f
}

// Who reads whom: an agent themselves, a leader what was handled in the team and below, and nobody anybody else.
func TestWhoReadsWhichAgent(t *testing.T) {
	f := staffed(t)
	for _, c := range []struct {
		who   string
		reads *access.Agents
		req   *scorev1.GetAgentScoresRequest
		want  string
	}{
		{"herself", self("anna"), waits(""), "anna north 200; anna south 20"},
		{"herself by name", self("anna"), named(waits(""), "anna"), "anna north 200; anna south 20"},
		{"herself in a team", self("anna"), waits("south"), "anna south 20"},
		{"herself in a unit", self("anna"), waits("west"), "anna north 200; anna south 20"},
		{"a leader", leads("north"), waits(""), "anna north 200; bert north 15; carl north 40"},
		{"a leader of a unit", leads("west"), waits(""), "anna north 200; anna south 20; bert north 15; carl north 40; dora south 30"},
		{"a leader of a unit, one team", leads("company"), waits("south"), "anna south 20; dora south 30"},
		{"a leader, one agent", leads("north"), named(waits(""), "anna"), "anna north 200"},
		{"a leader of two", leads("north", "south", "gone"), named(waits(""), "anna"), "anna north 200; anna south 20"},
		{"both, by default herself", &access.Agents{Own: agentHash("dora"), Leads: []string{"north"}}, waits(""), "dora south 30"},
		{"both, as a leader", &access.Agents{Own: agentHash("dora"), Leads: []string{"north"}}, waits("north"), "anna north 200; bert north 15; carl north 40"},
		{"both, another", &access.Agents{Own: agentHash("dora"), Leads: []string{"north"}}, named(waits(""), "bert"), "bert north 15"},
	} {
		if got := told(f.read(c.reads, c.req)); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.who, got, c.want)
		}
	}
	missing := func(reads *access.Agents, req *scorev1.GetAgentScoresRequest) string {
		t.Helper()
		resp, err := f.agents.GetAgentScores(holding(reads), req)
		if kind := fault.KindOf(err); resp != nil || kind != fault.NotFound && kind != fault.Denied {
			t.Fatalf("%v, %v", resp, err)
		}
		return err.Error()
	}
	// Somebody who exists elsewhere and somebody who exists nowhere are the same.
	for _, reads := range []*access.Agents{self("anna"), leads("south"), self("nobody")} {
		if a, b := missing(reads, named(waits(""), "bert")), missing(reads, named(waits(""), "zoe")); a != b {
			t.Errorf("%q tells of one, %q of nobody", a, b)
		}
	}
	if a, b := missing(leads("south"), waits("north")), missing(leads("south"), waits("gone")); strings.ReplaceAll(a, "north", "gone") != b {
		t.Errorf("%q of a team of others, %q of none", a, b)
	}
}

func TestNobodyElseReadsAgents(t *testing.T) {
	f := staffed(t)
	for _, p := range []access.Principal{
		{Role: accessv1.Role_ROLE_READER},
		{Role: accessv1.Role_ROLE_ADMIN, KeyID: "k"},
		{Role: accessv1.Role_ROLE_DIRECTORY, KeyID: "k"},
		{Role: accessv1.Role_ROLE_SOURCE, KeyID: "k", Source: "pbx"},
		{Role: accessv1.Role_ROLE_ADMIN, KeyID: "k", Reads: self("anna")},
		{Role: accessv1.Role_ROLE_AGENT, KeyID: "k"},
	} {
		if resp, err := f.agents.GetAgentScores(access.With(context.Background(), p), waits("")); resp != nil || fault.KindOf(err) != fault.Denied {
			t.Errorf("%v: %v, %v", p, resp, err)
		}
	}
	if _, err := f.agents.GetAgentScores(context.Background(), waits("")); fault.KindOf(err) != fault.Denied {
		t.Errorf("nobody: %v", err)
	}
	other := access.With(context.Background(), access.Principal{KeyID: "k", Role: accessv1.Role_ROLE_AGENT, Organisation: "other", Reads: leads("north")})
	if _, err := f.agents.GetAgentScores(other, waits("")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of another organisation: %v", err)
	}
	if len(f.lines) > 0 {
		t.Errorf("what was refused is in the audit: %v", f.lines)
	}
	f.apply("default", 3, reorganised("2026-01-01")) // switched off: at once, though the cells are there until the recount
	if _, err := f.agents.GetAgentScores(holding(leads("north")), waits("")); fault.KindOf(err) != fault.Precondition {
		t.Errorf("switched off: %v", err)
	}
}

// What was handled before north came to west is not for who leads west; whoever leads the company reads all of it.
func TestLeadersReadTheirDays(t *testing.T) {
	f := openFloor(t, "2026-02-16")
	on := time.Date(2026, 2, 16, 0, 0, 0, 0, f.Current("default").Zone)
	f.handled("anna", "north", 40, on.Add(-time.Minute), 20)
	f.handled("anna", "north", 30, on.Add(time.Minute), 20)
	f.handled("bert", "north", 25, on.Add(-time.Hour), 20)
	for unit, want := range map[string]string{
		"west": "anna north 30", "east": "anna north 40; bert north 25", "company": "anna north 70; bert north 25", "north": "anna north 70; bert north 25",
	} {
		resp := f.read(leads(unit), waits(""))
		if got := told(resp); got != want {
			t.Errorf("%s: %s, want %s", unit, got, want)
		}
		sum := int64(0)
		for _, x := range resp.GetAgents() {
			sum += x.GetN()
		}
		if team := resp.GetTeam(); team.GetN() != sum || team.GetRef().GetScope().GetTeam() != unit {
			t.Errorf("%s: the team has %d cases, its agents %d", unit, team.GetN(), sum)
		}
	}
}

// Fewer than ten cases are withheld; and where one alone would follow from the team's score, the smallest other as well.
func TestFewCasesAreWithheld(t *testing.T) {
	f := openFloor(t, "2026-01-01")
	f.handled("anna", "north", 30, monday, 20)
	f.handled("bert", "north", 12, monday, 20)
	f.handled("carl", "north", 4, monday, 20)
	few := "(fewer than 10 cases)"
	if got, want := told(f.read(leads("north"), waits(""))), "anna north 30; bert north 0 (withheld: an agent with fewer than 10 cases could be worked out from it); carl north 0 "+few; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := told(f.read(self("bert"), waits(""))); !strings.Contains(got, "worked out") {
		t.Errorf("bert reads what is withheld from his leader: %s", got)
	}
	f.handled("", "north", 6, monday, 20) // now ten cases are beside what is shown
	if got, want := told(f.read(leads("north"), waits(""))), "anna north 30; bert north 12; carl north 0 "+few; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	f.handled("carl", "north", 5, monday, 20)
	if got := told(f.read(self("carl"), waits(""))); got != "carl north 0 "+few {
		t.Errorf("with nine: %s", got)
	}
	f.handled("carl", "north", 1, monday, 20)
	if got := told(f.read(self("carl"), waits(""))); got != "carl north 10" {
		t.Errorf("with ten: %s", got)
	}
}

// Values are drawn towards the team's by as much as they are uncertain, and come in the order of pseudonyms.
func TestAgentsAreDrawnTowardsTheirTeam(t *testing.T) {
	f := staffed(t)
	resp := f.read(leads("north"), waits(""))
	if !slices.IsSortedFunc(resp.GetAgents(), func(a, b *scorev1.AgentScore) int { return strings.Compare(a.GetAgent(), b.GetAgent()) }) {
		t.Error("they are not in the order of pseudonyms")
	}
	anna, bert, carl := resp.GetAgents()[0], resp.GetAgents()[1], resp.GetAgents()[2]
	if !(anna.GetOwnWeight() > carl.GetOwnWeight() && carl.GetOwnWeight() > bert.GetOwnWeight()) {
		t.Errorf("weights %v of 200 cases, %v of 40, %v of 15", anna.GetOwnWeight(), carl.GetOwnWeight(), bert.GetOwnWeight())
	}
	mean := (20*200 + 90*15 + 30*40 + 40*50) / 305.0
	if x := resp.GetTeam(); x.GetN() != 305 || math.Abs(x.GetValue()-mean) > 1e-9 || x.GetRef().GetScope().GetTeam() != "north" {
		t.Errorf("the team's score is %v", x)
	}
	for _, x := range resp.GetAgents() {
		if i := x.GetInterval(); !(i.GetLow() < x.GetValue() && x.GetValue() < i.GetHigh()) || i.GetMethod() != "empirical bayes" || x.GetUnit() != "s" {
			t.Errorf("%v", x)
		}
		if len(x.GetAgent()) != 16 {
			t.Errorf("pseudonym %q", x.GetAgent())
		}
	}
	if bert.GetValue() >= 90 || bert.GetValue() < 80 || math.Abs(anna.GetValue()-20) > 0.1 {
		t.Errorf("bert %v, anna %v", bert.GetValue(), anna.GetValue())
	}
	// An agent alone reads the same as whoever leads them.
	if own := f.read(self("bert"), waits("north")); !proto.Equal(own.GetAgents()[0], bert) {
		t.Errorf("bert reads %v, his leader %v", own.GetAgents()[0], bert)
	}
	share := waits("")
	share.Ref.Score = "outcome.answered.share"
	for _, x := range f.read(leads("north"), share).GetAgents() {
		if i := x.GetInterval(); i.GetLow() < 0 || i.GetHigh() > 100 || x.GetUnit() != "%" {
			t.Errorf("%v", x)
		}
	}
}

// Answers about an interaction count for its agent; ten of ten alike keep an interval.
func TestAnswersCountForTheAgent(t *testing.T) {
	f := openFloor(t, "2026-01-01")
	f.handled("anna", "north", 20, monday, 20)
	for i := range 12 {
		a := answer(monday, "call", "recommend", 10)
		x := sealed(fmt.Sprint("a", i), 0, a)
		x.AboutSource, x.AboutId = "pbx", fmt.Sprint("call", i+1)
		f.fold(x)
	}
	req := waits("")
	req.Ref.Score = "recommend.nps"
	resp := f.read(self("anna"), req)
	if got := told(resp); got != "anna north 12" {
		t.Fatal(got)
	}
	req.Ref.Score = "recommend.share.10"
	x := f.read(self("anna"), req).GetAgents()[0]
	if x.GetValue() != 100 || x.GetInterval().GetLow() > 90 || x.GetInterval().GetHigh() != 100 {
		t.Errorf("twelve of twelve: %v", x)
	}
}

func TestAgentsAreNotReadFinely(t *testing.T) {
	f := staffed(t)
	ask := func(change func(*scorev1.ScoreRef)) error {
		req := waits("")
		change(req.GetRef())
		_, err := f.agents.GetAgentScores(holding(leads("north")), req)
		return err
	}
	for _, w := range []scorev1.Window{scorev1.Window_WINDOW_5M, scorev1.Window_WINDOW_1H, scorev1.Window_WINDOW_24H, scorev1.Window_WINDOW_7D, 77} {
		if err := ask(func(r *scorev1.ScoreRef) { r.Window = w }); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v: %v", w, err)
		}
	}
	for _, w := range []scorev1.Window{0, scorev1.Window_WINDOW_28D, scorev1.Window_WINDOW_13W, scorev1.Window_WINDOW_ALL} {
		if err := ask(func(r *scorev1.ScoreRef) { r.Window = w }); err != nil {
			t.Errorf("%v: %v", w, err)
		}
	}
	wantField(t, ask(func(r *scorev1.ScoreRef) { r.From = ts(monday.AddDate(0, 0, -25)) }), "ref.from", "28 days")
	wantField(t, ask(func(r *scorev1.ScoreRef) { r.From, r.To = ts(monday.AddDate(0, 0, -3)), ts(monday) }), "ref.from", "28 days")
	if err := ask(func(r *scorev1.ScoreRef) { r.From = ts(monday.AddDate(0, 0, -28)) }); err != nil {
		t.Error(err)
	}
	wantField(t, ask(func(r *scorev1.ScoreRef) { r.Scope.Channel = "phone" }), "ref.scope", "channel")
	wantField(t, ask(func(r *scorev1.ScoreRef) { r.Scope.Segment = "plan=gold" }), "ref.scope", "segment")
	wantField(t, ask(func(r *scorev1.ScoreRef) { r.Scope.Touchpoint = "cal" }), "ref.scope.touchpoint", "call")
	for _, id := range []string{"wait.p90", "wait.median", "wait.sum", "wait.count", "interactions.count", "in_time"} {
		wantField(t, ask(func(r *scorev1.ScoreRef) { r.Score = id }), "ref.score", "mean")
	}
	for _, id := range []string{"recommend.nps", "recommend.share.9", "satisfied.top2", "outcome.answered.share", "cost.mean"} {
		if err := ask(func(r *scorev1.ScoreRef) { r.Score = id }); err != nil && fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Whole days only: a stretch begins and ends at midnight of the zone, whatever was asked for.
func TestAgentsAreReadForWholeDays(t *testing.T) {
	f := openFloor(t, "2026-01-01")
	zone := f.Current("default").Zone
	from := time.Date(2026, 1, 10, 0, 0, 0, 0, zone)
	f.handled("anna", "north", 15, from.Add(time.Minute), 20)
	req := waits("")
	req.Ref.From, req.Ref.To = ts(from.Add(13*time.Hour)), ts(from.AddDate(0, 0, 30).Add(time.Hour))
	resp := f.read(self("anna"), req)
	if got := told(resp); got != "anna north 15" {
		t.Error(got)
	}
	if x := resp.GetTeam(); !x.GetFrom().AsTime().Equal(from) || !x.GetTo().AsTime().Equal(from.AddDate(0, 0, 31)) {
		t.Errorf("%v until %v", x.GetFrom().AsTime(), x.GetTo().AsTime())
	}
}

// Every read is in the audit before it is answered, in words that name nobody; what cannot be audited is not answered.
func TestReadsAreAudited(t *testing.T) {
	f := staffed(t)
	at := waits("north")
	at.Ref.Scope.Touchpoint, at.Ref.Window = "call", scorev1.Window_WINDOW_13W
	day := waits("")
	day.Ref.From, day.Ref.To = ts(monday.AddDate(0, 0, -40)), ts(monday)
	for _, c := range []struct {
		reads *access.Agents
		req   *scorev1.GetAgentScoresRequest
		want  string
	}{
		{leads("north"), waits(""), "scores of 3 agents of team north were read: wait.mean, 28 days"},
		{leads("north", "south"), named(waits(""), "dora"), "scores of 1 agent of teams north, south were read: wait.mean, 28 days"},
		{leads("company"), at, "scores of 3 agents of team north were read: wait.mean at touchpoint call, 13 weeks"},
		{self("anna"), day, "an agent's own scores were read: wait.mean, 2026-01-21 until 2026-03-03"},
	} {
		f.read(c.reads, c.req)
		l := f.lines[len(f.lines)-1]
		if l.GetAbout() != c.want || l.GetKey() != "key" || l.GetOrganisation() != "default" || l.GetKind() != adminv1.AuditKind_AUDIT_KIND_AGENT_READ || !l.GetAt().AsTime().Equal(f.clock()) {
			t.Errorf("%v\nwant %s", l, c.want)
		}
		for _, name := range []string{"anna", "dora"} {
			if b, _ := proto.Marshal(l); bytes.Contains(b, []byte(name)) || bytes.Contains(b, []byte(hex.EncodeToString(agentHash(name))[:16])) {
				t.Errorf("the audit names %s: %v", name, l)
			}
		}
	}
	if _, err := f.agents.GetAgentScores(holding(self("anna")), named(waits(""), "dora")); fault.KindOf(err) != fault.NotFound ||
		f.lines[len(f.lines)-1].GetAbout() != "scores of another agent were asked for by one who reads their own, and not shown: wait.mean, 28 days" {
		t.Errorf("%v: %v", err, f.lines[len(f.lines)-1])
	}
	n := len(f.lines)
	if _, err := f.agents.GetAgentScores(holding(leads("north")), named(waits(""), "zoe")); fault.KindOf(err) != fault.NotFound || len(f.lines) != n+1 {
		t.Errorf("a read that found nobody: %v, %d lines", err, len(f.lines)-n)
	}
	f.broken = errors.New("full")
	if resp, err := f.agents.GetAgentScores(holding(self("anna")), waits("")); resp != nil || !errors.Is(err, f.broken) {
		t.Errorf("answered without an audit: %v, %v", resp, err)
	}
}

// Scores of agents are found by no other way: lists and scopes know no breakdown by agent.
func TestAgentsAreInNoList(t *testing.T) {
	f := staffed(t)
	resp, err := f.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{Filter: &scorev1.Filter{ByTeam: true, ByChannel: true, ByStage: true, ByJourney: true, Scores: []string{"*"}}, PageSize: 1000})
	if err != nil || len(resp.GetScores()) == 0 {
		t.Fatal(err)
	}
	for _, x := range resp.GetScores() {
		if s := x.String(); strings.Contains(s, "@") || strings.Contains(s, hex.EncodeToString(agentHash("anna"))) {
			t.Errorf("%s", s)
		}
	}
	for _, segment := range []string{"agent=" + hex.EncodeToString(agentHash("anna")), "@north/" + hex.EncodeToString(agentHash("anna")) + "="} {
		if _, err := f.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Segment: segment}}}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", segment, err)
		}
	}
}
