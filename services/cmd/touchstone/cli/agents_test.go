package cli_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
)

// floorFake answers for agents and for the audit.
type floorFake struct {
	adminv1.UnimplementedAdminServiceServer
	mapv1.UnimplementedMapServiceServer
	scorev1.UnimplementedAgentServiceServer
	asked *scorev1.GetAgentScoresRequest
	made  *adminv1.CreateKeyRequest
	lists []*adminv1.ListAuditRequest
}

func (f *floorFake) GetMap(context.Context, *mapv1.GetMapRequest) (*mapv1.GetMapResponse, error) {
	return &mapv1.GetMapResponse{Version: &mapv1.MapVersion{Version: 1, Map: &mapv1.Map{Organisation: "acme", Zone: "Europe/Berlin"}}}, nil
}

func (f *floorFake) GetAgentScores(_ context.Context, req *scorev1.GetAgentScoresRequest) (*scorev1.GetAgentScoresResponse, error) {
	f.asked = req
	v, team := 12.5, 20.0
	return &scorev1.GetAgentScoresResponse{
		Agents: []*scorev1.AgentScore{
			{Agent: "00ff00ff00ff00ff", Team: "north", N: 1200, Value: &v, Unit: "s", OwnWeight: 0.75, Interval: &scorev1.Interval{Low: 10, High: 15}},
			{Agent: "11ff00ff00ff00ff", Team: "north", Unit: "s", Suppressed: "fewer than 10 cases"},
		},
		Team: &scorev1.Score{Ref: &scorev1.ScoreRef{Scope: &scorev1.Scope{Team: "north"}}, N: 1300, Value: &team, Unit: "s"},
	}, nil
}

func (f *floorFake) CreateKey(_ context.Context, req *adminv1.CreateKeyRequest) (*adminv1.CreateKeyResponse, error) {
	f.made = req
	k := &adminv1.Key{Id: "k", Role: req.GetRole(), Organisation: req.GetOrganisation(), Leads: req.GetLeads()}
	if req.GetAgent() != "" {
		k.Agent = []byte("0123456789abcdef")
	}
	return &adminv1.CreateKeyResponse{Key: k, Token: "tsk_k_secret"}, nil
}

func (f *floorFake) ListAudit(_ context.Context, req *adminv1.ListAuditRequest) (*adminv1.ListAuditResponse, error) {
	f.lists = append(f.lists, req)
	line := &adminv1.AuditLine{
		At: timestamppb.New(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)), Organisation: "acme", Key: "kq3",
		Kind: adminv1.AuditKind_AUDIT_KIND_AGENT_READ, About: "scores of 12 agents of team north were read: csat.mean, 28 days.",
	}
	resp := &adminv1.ListAuditResponse{Lines: []*adminv1.AuditLine{line, line}}
	if req.GetPageToken() == "" {
		resp.NextPageToken = "7"
	}
	return resp, nil
}

func (f *floorFake) run(t *testing.T) func(args ...string) (out string, err error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	adminv1.RegisterAdminServiceServer(server, f)
	mapv1.RegisterMapServiceServer(server, f)
	scorev1.RegisterAgentServiceServer(server, f)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	data := t.TempDir()
	return func(args ...string) (string, error) {
		root := &cobra.Command{Use: "touchstone", SilenceErrors: true}
		root.AddCommand(cli.Commands()...)
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(append(args, "--server", listener.Addr().String(), "--data", data, "-o", "acme"))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
}

func TestAgentsCommand(t *testing.T) {
	f := &floorFake{}
	run := f.run(t)
	out, err := run("agents", "wait.mean", "--team", "north", "--agent", "anna", "--window", "13w", "--touchpoint", "call")
	if err != nil {
		t.Fatal(err)
	}
	ref := f.asked.GetRef()
	if ref.GetScore() != "wait.mean" || ref.GetOrganisation() != "acme" || ref.GetScope().GetTeam() != "north" || ref.GetScope().GetTouchpoint() != "call" ||
		ref.GetWindow() != scorev1.Window_WINDOW_13W || f.asked.GetAgent() != "anna" {
		t.Error(f.asked)
	}
	for _, words := range []string{"00ff00ff00ff00ff  north  12.50 s  10.00 to 15.00  1,200  75%", "fewer than 10 cases", "all of them       north  20.00 s"} {
		has(t, out, words)
	}
	if _, err := run("agents", "wait.mean", "--from", "2026-01-01", "--to", "2026-03-01"); err != nil || f.asked.GetRef().GetFrom().AsTime().Format(time.RFC3339) != "2025-12-31T23:00:00Z" {
		t.Error(err, f.asked)
	}
	out, err = run("agents", "wait.mean", "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "11ff00ff00ff00ff,north,,s,,,,0,,fewer than 10 cases")
}

func TestKeysOfAgents(t *testing.T) {
	f := &floorFake{}
	run := f.run(t)
	_, err := run("keys", "create", "agent")
	code(t, err, cli.ExitFailed)
	has(t, err.Error(), "--agent")
	out, err := run("keys", "create", "agent", "--agent", "anna@desk", "--leads", "north,south", "--format", "csv")
	if err != nil || f.made.GetRole() != adminv1.KeyRole_KEY_ROLE_AGENT || f.made.GetAgent() != "anna@desk" || !slices.Equal(f.made.GetLeads(), []string{"north", "south"}) {
		t.Error(f.made, err)
	}
	has(t, out, `k,agent,acme,,"their own; team north, south",`)
	if strings.Contains(out, "anna") {
		t.Errorf("it names the agent: %s", out)
	}
}

func TestAuditCommand(t *testing.T) {
	f := &floorFake{}
	run := f.run(t)
	out, err := run("audit", "--kind", "agent-read", "--limit", "3")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "2026-11-25 13:00  agent-read  kq3  scores of 12 agents of team north were read: csat.mean, 28 days.")
	if len(f.lists) != 2 || f.lists[0].GetPageSize() != 3 || f.lists[1].GetPageSize() != 1 || f.lists[1].GetPageToken() != "7" ||
		f.lists[0].GetKind() != adminv1.AuditKind_AUDIT_KIND_AGENT_READ || f.lists[0].GetOrganisation() != "acme" {
		t.Error(f.lists)
	}
	_, err = run("audit", "--kind", "gossip")
	code(t, err, cli.ExitFailed)
	has(t, err.Error(), "agent-read, customer-forgotten, customer-read, dispute, sealed")
}
