package cli_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
)

// deskFake is a Touchstone that keeps one directory.
type deskFake struct {
	directoryv1.UnimplementedDirectoryServiceServer
	adminv1.UnimplementedAdminServiceServer
	put    *directoryv1.PutDirectoryRequest
	unheld []string
	who    *directoryv1.WhoHoldsResponse
	asked  *directoryv1.WhoHoldsRequest
	wrong  []*errdetails.BadRequest_FieldViolation
	made   *adminv1.CreateKeyRequest
}

func (f *deskFake) GetDirectory(context.Context, *directoryv1.GetDirectoryRequest) (*directoryv1.GetDirectoryResponse, error) {
	if f.put == nil {
		return &directoryv1.GetDirectoryResponse{Unheld: f.unheld}, nil
	}
	return &directoryv1.GetDirectoryResponse{Directory: f.put.GetDirectory(), Version: 3, Unheld: f.unheld, PutAt: timestamppb.New(time.Unix(0, 0))}, nil
}

func (f *deskFake) PutDirectory(_ context.Context, req *directoryv1.PutDirectoryRequest) (*directoryv1.PutDirectoryResponse, error) {
	if len(f.wrong) > 0 {
		st, err := status.New(codes.InvalidArgument, "invalid").WithDetails(&errdetails.BadRequest{FieldViolations: f.wrong})
		if err != nil {
			return nil, err
		}
		return nil, st.Err()
	}
	changed := f.put == nil || !proto.Equal(f.put.GetDirectory(), req.GetDirectory())
	f.put = req
	return &directoryv1.PutDirectoryResponse{Version: 3, Changed: changed}, nil
}

func (f *deskFake) WhoHolds(_ context.Context, req *directoryv1.WhoHoldsRequest) (*directoryv1.WhoHoldsResponse, error) {
	f.asked = req
	return f.who, nil
}

func (f *deskFake) CreateKey(_ context.Context, req *adminv1.CreateKeyRequest) (*adminv1.CreateKeyResponse, error) {
	f.made = req
	return &adminv1.CreateKeyResponse{Key: &adminv1.Key{Id: "k", Role: req.GetRole(), Organisation: req.GetOrganisation(), Source: req.GetSource()}, Token: "tsk_k_secret"}, nil
}

func (f *deskFake) run(t *testing.T) func(args ...string) (out string, err error) {
	t.Helper()
	s := serve(t, func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterDirectoryServiceServer(r, f)
		adminv1.RegisterAdminServiceServer(r, f)
	})
	return func(args ...string) (string, error) {
		out, stderr, err := s.command(t.Context(), "", append([]string{args[0], "-o", "acme"}, args[1:]...)...)
		return out + stderr, err
	}
}

const deskYAML = `organisation: acme
holders:
  - id: ana
    name: "Ana: Berger"
    zone: Europe/Berlin
    hours:
      - days: [mon, tue]
        from: "08:00"
        to: "18:30"
    ways:
      - kind: phone
        address: "+49301234567"
      - kind: chat
        address: '@ana'
  - id: desk
    ways:
      - {kind: email, address: desk@example.org}
holdings:
  - role: care_lead
    holder: ana
    from: "2026-07-01"
    order: 1
    deputy: desk
`

const deskCSV = `role,holder,name,from,order,deputy,zone,hours,phone,chat,email
care_lead,ana,Ana: Berger,2026-07-01,1,desk,Europe/Berlin,"mon,tue 08:00-18:30",'+49301234567,'@ana,
,desk,,,,,,,,,desk@example.org
`

func desk() *directoryv1.Directory {
	return &directoryv1.Directory{
		Organisation: "acme",
		Holders: []*directoryv1.Holder{
			{
				Id: "ana", Name: "Ana: Berger", Zone: "Europe/Berlin", Hours: []*directoryv1.Hours{{Days: []string{"mon", "tue"}, From: "08:00", To: "18:30"}},
				Ways: []*directoryv1.Way{{Kind: directoryv1.WayKind_WAY_KIND_PHONE, Address: "+49301234567"}, {Kind: directoryv1.WayKind_WAY_KIND_CHAT, Address: "@ana"}},
			},
			{Id: "desk", Ways: []*directoryv1.Way{{Kind: directoryv1.WayKind_WAY_KIND_EMAIL, Address: "desk@example.org"}}},
		},
		Holdings: []*directoryv1.Holding{{Role: "care_lead", Holder: "ana", From: "2026-07-01", Order: 1, Deputy: "desk"}},
	}
}

func TestADirectoryIsPutAndShownAsYAMLAndCSV(t *testing.T) {
	for name, text := range map[string]string{"d.yaml": deskYAML, "d.csv": deskCSV, "bom.csv": "\ufeff" + deskCSV} {
		f := &deskFake{unheld: []string{"head", "night_lead"}}
		run := f.run(t)
		_, err := run("directory", "show")
		code(t, err, cli.ExitFailed)
		out, err := run("directory", "put", write(t, name, text), "--expect", "0")
		if err != nil || !proto.Equal(f.put.GetDirectory(), desk()) || f.put.Expect == nil || f.put.GetExpect() != 0 {
			t.Fatalf("%s: %v %v", name, f.put, err)
		}
		has(t, out, "acme: version 3 of the directory is current: 2 people and groups, 1 holdings")
		shown, err := run("directory", "show")
		has(t, shown, "# Version 3 of the directory of acme", "# Nobody holds today: head, night_lead.", "kind: chat")
		if err != nil {
			t.Error(err)
		}
		table, err := run("directory", "show", "--format", "csv")
		if err != nil {
			t.Error(err)
		}
		json, err := run("directory", "show", "--format", "json")
		has(t, json, `"WAY_KIND_CHAT"`, `"night_lead"`)
		if err != nil {
			t.Error(err)
		}
		// What is shown can be put, and changes nothing.
		for again, text := range map[string]string{"again.yml": shown, "again.csv": table} {
			out, err := run("directory", "put", write(t, again, text))
			if err != nil || f.put.Expect != nil {
				t.Error(err)
			}
			has(t, out, "acme: nothing changed, version 3 of the directory stays")
		}
	}
}

func TestWhatIsWrongInADirectoryIsToldWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"field.yaml":   {"organisation: acme\nholders:\n  - id: ana\n    nam: Ana\n    ways: [{kind: mail, address: x}]\n", []string{":4: holders[0].nam: there is no such field — use id, name, zone, hours, ways", ":5: holders[0].ways[0].kind: it is none of its values — use email, phone, sms, chat, webhook"}},
		"form.yaml":    {"holders: ana\nholdings:\n  - role: [a]\n    order: first\n    role: b\n  - x\n", []string{":1: holders: it must be a list", ":3: holdings[0].role: it must be a single value", ":4: holdings[0].order: it must be a whole number", ":5: holdings[0].role: it is given twice", ":6: holdings[1]: it must have fields"}},
		"empty.yaml":   {"# nothing\n", []string{":1: the file is empty"}},
		"two.yaml":     {"organisation: a\n---\norganisation: b\n", []string{"there is more than one document"}},
		"syntax.yaml":  {"organisation: [a\n", []string{"it is not valid YAML: line "}},
		"alias.yaml":   {"holders: &a [x]\nholdings: *a\n", []string{":1: holders[0]: it must have fields", ":2: holdings: it must be a list"}},
		"header.csv":   {"role,who,role\na,b,c\n", []string{`:1: there is no column "who" — use role, holder, name`, ":1: the column role stands twice", ":1: the column holder is missing"}},
		"rows.csv":     {"role,holder,order,hours\na,,1,\na,ana,x,mon 8\na,ana\n,ana,2,\n", []string{":2: holder: it is empty", ":3: order: it must be a whole number", ":3: hours: they cannot be read", ":4: it has 2 cells, the header has 4", ":5: role: it is empty in a row"}},
		"two-says.csv": {"role,holder,email\na,ana,a@x\nb,ana,b@x\nc,ana,\n", []string{`:3: email: an earlier row says another of the holder "ana"`}},
		"empty.csv":    {"", []string{":1: the file is empty — begin with a header: role,holder,"}},
		"quotes.csv":   {"role,holder\n\"a,b\n", []string{"parse error"}},
	} {
		f := &deskFake{}
		file := write(t, name, c.text)
		_, err := f.run(t)("directory", "put", file)
		code(t, err, cli.ExitInPart)
		if err == nil || f.put != nil {
			t.Fatalf("%s: it was put", name)
		}
		has(t, err.Error(), c.want...)
	}
	_, err := (&deskFake{}).run(t)("directory", "put", write(t, "d.json", "{}"))
	code(t, err, cli.ExitFailed)
}

func TestWhatTheServiceFindsIsToldWithItsLine(t *testing.T) {
	wrong := []*errdetails.BadRequest_FieldViolation{
		{Field: "directory.holdings[0].role", Description: `The map has no role "care_lead". — Use a role of the map.`},
		{Field: "directory.holders[1].ways", Description: "no way"},
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"d.yaml": {deskYAML, []string{`d.yaml:19: holdings[0].role: The map has no role "care_lead". — Use`, "d.yaml:16: holders[1].ways: no way"}},
		"d.csv":  {deskCSV, []string{`d.csv:2: holdings[0].role: The map has no role "care_lead". — Use`, "d.csv:3: holders[1].ways: no way"}},
	} {
		_, err := (&deskFake{wrong: wrong}).run(t)("directory", "put", write(t, name, c.text))
		code(t, err, cli.ExitInPart)
		has(t, err.Error(), c.want...)
	}
}

func TestWhoHoldsARole(t *testing.T) {
	d := desk()
	f := &deskFake{who: &directoryv1.WhoHoldsResponse{Reachable: []*directoryv1.Reachable{{Holder: d.Holders[1], WithinHours: true, DeputyOf: "ana"}, {Holder: d.Holders[0]}}}}
	out, err := f.run(t)("directory", "who", "care_lead", "--at", "2026-12-24T20:00:00+01:00")
	if err != nil || f.asked.GetRole() != "care_lead" || f.asked.GetOrganisation() != "acme" || f.asked.GetAt().AsTime().UTC().Hour() != 19 {
		t.Error(f.asked, err)
	}
	lines := strings.Split(out, "\n")
	has(t, lines[1], "desk", "yes", "ana", "email desk@example.org")
	has(t, lines[2], "ana", "Ana: Berger", "no", "phone +49301234567, chat @ana")

	f = &deskFake{who: &directoryv1.WhoHoldsResponse{Nobody: "Nobody holds it."}}
	_, err = f.run(t)("directory", "who", "care_lead")
	code(t, err, cli.ExitInPart)
	has(t, err.Error(), "Nobody holds it.")
	if f.asked.GetAt() != nil {
		t.Error(f.asked)
	}
}

func TestKeysOfTheDirectoryAndForTests(t *testing.T) {
	f := &deskFake{}
	run := f.run(t)
	if _, err := run("keys", "create", "directory"); err != nil || f.made.GetRole() != adminv1.KeyRole_KEY_ROLE_DIRECTORY || f.made.GetSource() != "" {
		t.Error(f.made, err)
	}
	_, err := run("keys", "create", "test")
	code(t, err, cli.ExitFailed)
	has(t, err.Error(), "a test key needs --source")
	out, err := run("keys", "create", "test", "--source", "acd", "--format", "csv")
	if err != nil || f.made.GetRole() != adminv1.KeyRole_KEY_ROLE_TEST || f.made.GetSource() != "acd" {
		t.Error(f.made, err)
	}
	has(t, out, "k,test,acme,acd,")
}

// A table as somebody keeps it: the columns of a help desk's spreadsheet in another order, ranges of days, two numbers.
func TestATableAsPeopleKeepIt(t *testing.T) {
	f := &deskFake{}
	file := write(t, "people.csv", "Holder,Role,SMS,Email,Hours,Zone\nana,care_lead,+491711; +491712222222,ana@example.org,\"mon-fri 08:00-12:00; sat,sun 09:00-10:00\",Europe/Berlin\nana,head,,,,\n")
	if _, err := f.run(t)("directory", "put", file); err != nil {
		t.Fatal(err)
	}
	h := f.put.GetDirectory().GetHolders()
	if len(h) != 1 || len(h[0].GetWays()) != 3 || h[0].GetWays()[1].GetAddress() != "+491712222222" || h[0].GetWays()[2].GetKind() != directoryv1.WayKind_WAY_KIND_EMAIL ||
		len(h[0].GetHours()) != 2 || len(h[0].GetHours()[0].GetDays()) != 5 || h[0].GetHours()[1].GetTo() != "10:00" || len(f.put.GetDirectory().GetHoldings()) != 2 {
		t.Error(f.put)
	}
}

func FuzzDirectoryFiles(f *testing.F) {
	f.Add(deskYAML)
	f.Add(deskCSV)
	d := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		for _, ext := range []string{".yaml", ".csv"} {
			name := d + "/f" + ext
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			// Nobody listens there: whatever the file holds ends in a told problem or in an unreachable service.
			if _, _, err := command(t.Context(), "", "directory", "put", name, "-o", "acme", "--server", "127.0.0.1:1", "--data", d); err == nil {
				t.Fatal("it was put")
			}
		}
	})
}
