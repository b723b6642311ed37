package cli_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
)

// court keeps disputes in memory.
type court struct {
	scorev1.UnimplementedDisputeServiceServer
	scorev1.UnimplementedScoreServiceServer
	mapv1.UnimplementedMapServiceServer
	adminv1.UnimplementedAdminServiceServer

	contested *scorev1.ContestFactRequest
	ruled     *scorev1.RuleDisputeRequest
	listed    []*scorev1.ListDisputesRequest
	made      *adminv1.CreateKeyRequest
	empty     bool
}

const caseID = "0123456789abcdef0123456789abcdef"

func (c *court) one(ruling factv1.Ruling) *scorev1.Dispute {
	at := time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC) // in Berlin it is the next day
	said := &factv1.RecordedDispute{Kind: factv1.Kind_KIND_ANSWER, Source: "survey", Id: "a/1", AboutSource: "acd", AboutId: "c1", Owner: "lead", Reason: "meant for\x1b[2J the shop", RaisedAtMs: at.UnixMilli()}
	if ruling != 0 {
		said.Ruling, said.RulingReason, said.RuledAtMs = ruling, "so it was", at.UnixMilli()
	}
	two, six := 2.0, 6.0
	ref := &scorev1.ScoreRef{Score: "recommend.mean", Scope: &scorev1.Scope{Touchpoint: "help"}}
	return &scorev1.Dispute{Id: caseID, Said: said, Touchpoint: "help", At: timestamppb.New(at), Effects: []*scorev1.Effect{
		{Before: &scorev1.Score{Ref: ref, Value: &six, N: 3}, After: &scorev1.Score{Ref: ref, Value: &two, N: 4}},
	}}
}

func (c *court) GetMap(context.Context, *mapv1.GetMapRequest) (*mapv1.GetMapResponse, error) {
	return &mapv1.GetMapResponse{Version: &mapv1.MapVersion{Version: 1, Map: &mapv1.Map{Organisation: "acme", Zone: "Europe/Berlin"}}}, nil
}

func (c *court) ContestFact(_ context.Context, req *scorev1.ContestFactRequest) (*scorev1.ContestFactResponse, error) {
	c.contested = req
	return &scorev1.ContestFactResponse{Dispute: c.one(0)}, nil
}

func (c *court) RuleDispute(_ context.Context, req *scorev1.RuleDisputeRequest) (*scorev1.RuleDisputeResponse, error) {
	if c.ruled = req; req.GetReason() == "mine" {
		return nil, status.Error(codes.FailedPrecondition, "this key raised the dispute: another person rules")
	}
	return &scorev1.RuleDisputeResponse{Dispute: c.one(req.GetRuling())}, nil
}

func (c *court) ListDisputes(_ context.Context, req *scorev1.ListDisputesRequest) (*scorev1.ListDisputesResponse, error) {
	c.listed = append(c.listed, req)
	switch {
	case c.empty:
		return &scorev1.ListDisputesResponse{}, nil
	case req.GetPageToken() == "":
		return &scorev1.ListDisputesResponse{Disputes: []*scorev1.Dispute{c.one(0)}, NextPageToken: "more"}, nil
	}
	return &scorev1.ListDisputesResponse{Disputes: []*scorev1.Dispute{c.one(factv1.Ruling_RULING_EXCLUDED)}}, nil
}

func (c *court) ListScores(context.Context, *scorev1.ListScoresRequest) (*scorev1.ListScoresResponse, error) {
	value, all, none := 2.0, 2.5, 6.0
	return &scorev1.ListScoresResponse{Scores: []*scorev1.Score{{
		Ref: &scorev1.ScoreRef{Organisation: "acme", Score: "recommend.mean", Scope: &scorev1.Scope{Touchpoint: "help"}}, Value: &value, N: 4,
		Contested: &scorev1.Contested{Open: 1, Excluded: 2, WithAll: &all, WithoutAll: &none},
	}}}, nil
}

func (c *court) CreateKey(_ context.Context, req *adminv1.CreateKeyRequest) (*adminv1.CreateKeyResponse, error) {
	c.made = req
	return &adminv1.CreateKeyResponse{Key: &adminv1.Key{Id: "k", Role: req.GetRole(), Organisation: "acme"}, Token: "tsk_k_s"}, nil
}

func (c *court) run(t *testing.T) func(args ...string) (out, stderr string, err error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	scorev1.RegisterDisputeServiceServer(server, c)
	scorev1.RegisterScoreServiceServer(server, c)
	mapv1.RegisterMapServiceServer(server, c)
	adminv1.RegisterAdminServiceServer(server, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	data := t.TempDir()
	return func(args ...string) (string, string, error) {
		root := &cobra.Command{Use: "touchstone", SilenceErrors: true}
		root.AddCommand(cli.Commands()...)
		var out, stderr bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&stderr)
		root.SetArgs(append([]string{args[0], "--server", listener.Addr().String(), "--data", data, "-o", "acme"}, args[1:]...))
		err := root.ExecuteContext(t.Context())
		return out.String(), stderr.String(), err
	}
}

func TestContest(t *testing.T) {
	c := new(court)
	run := c.run(t)
	out, _, err := run("contest", "answer/survey/a/1", "--interaction", "acd/c1", "--as", "lead", "--reason", "meant for the shop")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "contested: it counts until another person rules on it with touchstone rule "+caseID, "recommend.mean", "help", "6", "→", "2")
	if q := c.contested; q.GetOrganisation() != "acme" || q.GetKind() != factv1.Kind_KIND_ANSWER || q.GetSource() != "survey" || q.GetId() != "a/1" ||
		q.GetInteraction().GetSource() != "acd" || q.GetInteraction().GetId() != "c1" || q.GetOwner() != "lead" || q.GetReason() != "meant for the shop" {
		t.Errorf("asked %v", q)
	}
	for _, bad := range [][]string{
		{"survey/a1", "--as", "lead", "--reason", "meant for the shop"},
		{"dispute/disputes/1", "--as", "lead", "--reason", "meant for the shop"},
		{"/survey/a1", "--as", "lead", "--reason", "meant for the shop"},
		{"answer/survey/a1", "--as", "lead"},
		{"answer/survey/a1", "--reason", "meant for the shop"},
	} {
		c.contested = nil
		_, _, err := run(append([]string{"contest"}, bad...)...)
		if code(t, err, cli.ExitFailed); c.contested != nil {
			t.Errorf("%v was sent", bad)
		}
	}
}

func TestRule(t *testing.T) {
	c := new(court)
	run := c.run(t)
	out, _, err := run("rule", caseID, "excluded", "--reason", "so it was")
	if err != nil || c.ruled.GetRuling() != factv1.Ruling_RULING_EXCLUDED || c.ruled.GetId() != caseID || c.ruled.GetReason() != "so it was" {
		t.Errorf("%v, %v", c.ruled, err)
	}
	has(t, out, "ruled: it is left out of every score", "recommend.mean")
	out, _, err = run("rule", caseID, "counted", "--reason", "so it was", "--format", "json")
	if err != nil || c.ruled.GetRuling() != factv1.Ruling_RULING_COUNTED {
		t.Errorf("%v, %v", c.ruled, err)
	}
	has(t, out, `"RULING_COUNTED"`, caseID)
	_, _, err = run("rule", caseID, "counted", "--reason", "mine")
	code(t, err, cli.ExitFailed)
	has(t, err.Error(), "another person rules")
	for _, bad := range [][]string{{caseID, "perhaps", "--reason", "x"}, {caseID, "counted"}, {"call-1", "counted", "--reason", "so it was"}} {
		c.ruled = nil
		_, _, err := run(append([]string{"rule"}, bad...)...)
		if code(t, err, cli.ExitFailed); c.ruled != nil {
			t.Errorf("%v was sent", bad)
		}
	}
}

func TestDisputes(t *testing.T) {
	c := new(court)
	run := c.run(t)
	out, _, err := run("disputes", "--open", "--touchpoint", "help")
	if err != nil || len(c.listed) != 2 || !c.listed[1].GetOpen() || c.listed[1].GetTouchpoint() != "help" || c.listed[1].GetPageToken() != "more" {
		t.Fatalf("%v, %v", c.listed, err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || strings.Contains(out, "\x1b") {
		t.Fatalf("a line each, and nothing that steers a terminal: %q", out)
	}
	has(t, lines[1], caseID, "open", "answer/survey/a/1", "acd/c1", "help", "lead", "2026-03-03", "the shop")
	has(t, lines[2], "excluded", "so it was")
	out, _, err = run("disputes", "--format", "csv")
	if rows, bad := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || bad != nil || len(rows) != 3 || rows[2][1] != "excluded" || rows[2][9] != "2026-03-02T23:30:00Z" {
		t.Errorf("%q, %v", out, err)
	}
	c.empty = true
	out, stderr, err := run("disputes")
	if err != nil || out != "" {
		t.Errorf("%q, %v", out, err)
	}
	has(t, stderr, "nothing is contested in acme")
}

// A score with contested cases says so with both values.
func TestScoresSayWhatIsContested(t *testing.T) {
	run := new(court).run(t)
	out, _, err := run("scores")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "1 contested, 2 ruled out, 2.5", "with all, 6", "without")
	out, _, err = run("scores", "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%q, %v", out, err)
	}
	for i, name := range rows[0] {
		if want, ok := map[string]string{"contested": "1", "ruled_out": "2", "with_all": "2.5", "without_all": "6", "marks": ""}[name]; ok && rows[1][i] != want {
			t.Errorf("%s: %q, want %q", name, rows[1][i], want)
		}
	}
}

func TestKeysOfOwners(t *testing.T) {
	c := new(court)
	if _, _, err := c.run(t)("keys", "create", "owner"); err != nil || c.made.GetRole() != adminv1.KeyRole_KEY_ROLE_OWNER || c.made.GetOrganisation() != "acme" {
		t.Errorf("%v, %v", c.made, err)
	}
}
