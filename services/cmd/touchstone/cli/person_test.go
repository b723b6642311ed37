package cli_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
)

// persons knows what is recorded about anna, and forgets whoever it is told to.
type persons struct {
	ingestv1.UnimplementedPersonServiceServer
	mapv1.UnimplementedMapServiceServer

	mu     sync.Mutex
	forgot []*ingestv1.ForgetCustomerRequest
	left   time.Duration // until the deadline of the last forgetting
}

func (p *persons) GetMap(context.Context, *mapv1.GetMapRequest) (*mapv1.GetMapResponse, error) {
	return &mapv1.GetMapResponse{Version: &mapv1.MapVersion{Version: 1, Map: &mapv1.Map{Organisation: "acme", Zone: "Europe/Berlin"}}}, nil
}

func (p *persons) AboutCustomer(req *ingestv1.AboutCustomerRequest, stream grpc.ServerStreamingServer[ingestv1.AboutCustomerResponse]) error {
	if req.GetOrganisation() != "acme" {
		return status.Error(codes.PermissionDenied, "this key is confined to another organisation")
	}
	if req.GetCustomerId() != "anna" {
		return nil
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).UnixMilli()
	for _, r := range []*ingestv1.AboutCustomerResponse{
		{Fact: &factv1.RecordedFact{Source: "acd", Id: "call-1", Version: 1, Kind: factv1.Kind_KIND_INTERACTION, RecordedAtMs: at, Content: &factv1.RecordedFact_Interaction{
			Interaction: &factv1.RecordedInteraction{
				OccurredAtMs: at - 60_000, Touchpoint: "call", Channel: "voice", Team: "north", Outcome: "answered",
				Metrics: []*factv1.RecordedMetric{{Metric: "wait", Value: 12_000}}, Attributes: []*factv1.RecordedAttribute{{Key: "segment", Value: "home"}},
			},
		}}, Text: "is angry\nand\x1b[2J loud", Superseded: true},
		{Fact: &factv1.RecordedFact{
			Source: "survey", Id: "answer-1", Kind: factv1.Kind_KIND_ANSWER, RecordedAtMs: at, AboutSource: "acd", AboutId: "call-1",
			Content: &factv1.RecordedFact_Answer{Answer: &factv1.RecordedAnswer{Question: "recommend", Value: 7}},
		}, Text: "=too long"},
	} {
		if err := stream.Send(r); err != nil {
			return err
		}
	}
	return nil
}

func (p *persons) ForgetCustomer(ctx context.Context, req *ingestv1.ForgetCustomerRequest) (*ingestv1.ForgetCustomerResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgot = append(p.forgot, req)
	if deadline, ok := ctx.Deadline(); ok {
		p.left = time.Until(deadline)
	}
	out := &ingestv1.ForgetCustomerResponse{Position: 99, DoneAt: timestamppb.New(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))}
	switch req.GetCustomerId() {
	case "anna":
		out.Facts, out.KeyDeleted = 1200, true
	case "silent":
		out.Facts = 3
	}
	return out, nil
}

// run starts p and returns what a command line, with an answer typed to it, prints and fails with.
func (p *persons) run(t *testing.T) func(typed string, args ...string) (out, stderr string, err error) {
	t.Helper()
	s := serve(t, func(r grpc.ServiceRegistrar) {
		ingestv1.RegisterPersonServiceServer(r, p)
		mapv1.RegisterMapServiceServer(r, p)
	})
	return func(typed string, args ...string) (string, string, error) {
		return s.command(t.Context(), typed, append([]string{args[0], "-o", "acme"}, args[1:]...)...)
	}
}

func TestAbout(t *testing.T) {
	run := new(persons).run(t)
	out, _, err := run("", "about", "anna")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || strings.Contains(out, "\x1b") {
		t.Fatalf("a line each, and nothing that steers a terminal: %q", out)
	}
	for i, all := range [][]string{
		{"RECORDED AT", "TOUCHPOINT", "TEXT", "SUPERSEDED"},
		{"acd", "interaction", "call-1", "call", "voice", "north", "answered, wait 12000, segment home", "is angry and", "loud", "superseded"},
		{"survey", "answer", "answer-1", "recommend 7, of call-1 of source acd", "=too long"},
	} {
		for _, want := range all {
			if !strings.Contains(lines[i], want) {
				t.Errorf("line %d lacks %q: %s", i, want, lines[i])
			}
		}
	}
	if strings.Contains(lines[2], "superseded") {
		t.Errorf("the answer holds: %s", lines[2])
	}

	out, _, err = run("", "about", "anna", "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][10] != "is angry\nand\x1b[2J loud" || rows[2][10] != "'=too long" || rows[1][5] != "2026-03-02T11:59:00Z" || rows[2][5] != "" {
		t.Errorf("csv: %q, %v", rows, err)
	}

	out, _, err = run("", "about", "anna", "--format", "json")
	var told []struct {
		Fact struct {
			ID string `json:"id"`
		} `json:"fact"`
		Text       string `json:"text"`
		Superseded bool   `json:"superseded"`
	}
	if err != nil || json.Unmarshal([]byte(out), &told) != nil || len(told) != 2 || told[0].Fact.ID != "call-1" || !told[0].Superseded || told[1].Text != "=too long" {
		t.Errorf("json: %s, %v", out, err)
	}

	out, stderr, err := run("", "about", "bert")
	if err != nil || out != "" || !strings.Contains(stderr, "nothing is recorded about this customer in acme") || strings.Contains(stderr, "bert") {
		t.Errorf("about nobody: %q, %q, %v", out, stderr, err)
	}
	if _, _, err := run("", "about", "anna", "-o", "other"); cli.ExitCode(err) != cli.ExitNotAllowed || !strings.Contains(err.Error(), "another organisation") {
		t.Errorf("of another organisation: %v", err)
	}
}

func TestForget(t *testing.T) {
	p := new(persons)
	run := p.run(t)
	for _, c := range []struct {
		typed string
		args  []string
		out   string
		err   string
	}{
		{"", []string{"anna"}, "", "--reason"},
		{"n\n", []string{"anna", "--reason", "request 1"}, "", "nothing was forgotten"},
		{"", []string{"anna", "--reason", "request 1"}, "", "nothing was forgotten"},
		{"y\n", []string{"anna", "--reason", "request 1"}, "1,200 facts are taken back, and what the customer wrote can be read by nobody any more", ""},
		{"", []string{"silent", "--reason", "request 2", "--yes"}, "3 facts are taken back; there were no texts", ""},
		{"", []string{"nobody", "--reason", "request 3", "-y"}, "nothing of this customer counts in acme", ""},
		{"", []string{"anna", "--reason", "request 1", "-y", "--format", "csv"}, "facts,key_deleted,position,done_at\n1200,true,99,2026-03-02T12:00:00Z\n", ""},
		{"", []string{"anna", "--reason", "request 1", "-y", "--format", "json"}, `"key_deleted": true`, ""},
	} {
		before := len(p.forgot)
		out, stderr, err := run(c.typed, append([]string{"forget"}, c.args...)...)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || len(p.forgot) != before {
				t.Errorf("%q: %v, and %d are forgotten", c.args, err, len(p.forgot)-before)
			}
			continue
		}
		if err != nil || !strings.Contains(out, c.out) || strings.Contains(out+stderr, c.args[0]) {
			t.Errorf("%q prints %q and %q, %v", c.args, out, stderr, err)
		}
		if len(p.forgot) != before+1 {
			t.Errorf("%q: %d requests", c.args, len(p.forgot)-before)
			continue
		}
		if r := p.forgot[before]; r.GetOrganisation() != "acme" || r.GetCustomerId() != c.args[0] || r.GetReason() != c.args[2] || p.left < 30*time.Minute {
			t.Errorf("%q asks %v, for %s", c.args, r, p.left)
		}
	}
}
