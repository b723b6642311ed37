package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
)

// Who does as the publisher's page says has published: every command of it is run, every publisher in every language, against
// one instance, and the count at the end is exact.
func TestPublishersPage(t *testing.T) {
	page := readPage(t)
	run, missing := pageTools(t)
	if len(missing) > 0 {
		cannot(t, "the publisher's page needs %s: scripts/need installs what Debian has", strings.Join(missing, "; "))
		return
	}
	i := started(t)
	p := &publishing{t: t, own: i, run: run, keys: map[string]string{}}
	p.applyMap(page.feed)
	tokens := p.mentioned(page.mentioned)
	p.keys["acd"], p.keys["pbx"] = tokens["source"], p.key("pbx")

	t.Run("the page", func(t *testing.T) { p.page(t, page.commands) })
	const byPage = 3 + 1 // calls of acd and of pbx
	p.counts(t, byPage)
	t.Run("publishers", p.publishers)
	p.counts(t, byPage+2*len(languages()))
	t.Run("a test key", func(t *testing.T) {
		p.keys["acd"] = tokens["test"]
		for _, c := range page.commands[:3] {
			p.recorded(t, strings.Replace(c, "call-", "test-", 1), "acd")
		}
	})
	p.counts(t, byPage+2*len(languages()))
	if st := settled(t, i.Clients().Admin); st.GetConflicts() != 0 {
		t.Errorf("%d facts in conflict: what was sent again was not the same", st.GetConflicts())
	}
}

// The schema and the service agree on what an event is.
func TestSchemaIsTrue(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root(t), "deploy/publish/schema/testdata/events.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name  string          `json:"name"`
		Valid bool            `json:"valid"`
		Event json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(b, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	i := started(t)
	p := &publishing{t: t, own: i, run: t.TempDir()}
	p.applyMap("")
	key := p.key("acd")
	for _, c := range cases {
		code, _, body := post(t, "http://"+i.At().HTTP+"/v1/events", key, eventType, string(c.Event))
		if c.Valid != (code == http.StatusOK) {
			t.Errorf("%s: valid by the schema: %v; the service answers %d %s", c.Name, c.Valid, code, body)
		}
	}
}

// page is what a reader of deploy/publish/README.md copies.
type page struct {
	commands  []string // but for the first, which says where Touchstone is
	mentioned []string // of touchstone, within a line
	feed      string   // of the map
}

func readPage(t *testing.T) (p page) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "deploy/publish/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(b), -1) {
		switch m[1] {
		case "sh":
			p.commands = append(p.commands, m[2])
		case "yaml":
			p.feed = m[2]
		default:
			t.Errorf("a block of %s: nothing tests it", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(touchstone [^`\n]+)`").FindAllStringSubmatch(string(b), -1) {
		p.mentioned = append(p.mentioned, m[1])
	}
	if len(p.commands) != 6 || len(p.mentioned) < 4 || p.feed == "" || !strings.HasPrefix(p.commands[0], "export ") {
		t.Fatalf("the page has %d commands, feed %q", len(p.commands), p.feed)
	}
	p.commands = p.commands[1:]
	return p
}

// pageTools makes a folder in which the page's commands can be run, with its tools in bin, and tells what cannot be had.
func pageTools(t *testing.T) (dir string, missing []string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"bash", "curl", "python3", "node", "javac", "java"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	link(binary, "bin/touchstone")
	link(filepath.Join(root(t), "deploy"), "deploy")
	for name, module := range map[string]string{"grpcurl": "scripts/tools", "nats": "scripts/tools/nats"} {
		path, err := goTool(t, module, name)
		if err != nil {
			missing = append(missing, err.Error())
			continue
		}
		link(path, "bin/"+name)
	}
	const queueLog = `1772440000|1.1|support|NONE|ENTERQUEUE||+49301234567|1
1772440017|1.1|support|Jon|CONNECT|17|1.2|4
1772440137|1.1|support|Jon|COMPLETECALLER|17|120|1
`
	if err := os.WriteFile(filepath.Join(dir, "queue_log"), []byte(queueLog), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, missing
}

// goTool builds a tool at the version of its module, and returns where go keeps it.
func goTool(t *testing.T, module, name string) (string, error) {
	c := exec.CommandContext(t.Context(), "go", "tool", "-n", name)
	c.Dir = filepath.Join(root(t), module)
	c.Env = append(os.Environ(), "GOWORK=off")
	out, err := c.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s (%w: %s)", name, err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// publishing is a publisher at work.
type publishing struct {
	t    *testing.T
	own  *instance.Instance
	run  string            // folder of the commands
	keys map[string]string // by source
}

func (p *publishing) applyMap(more string) {
	p.t.Helper()
	m, err := os.ReadFile(filepath.Join(root(p.t), "deploy/examples/telecom/map.yaml"))
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.run, "map.yaml")
	if err := os.WriteFile(file, append(append(m, '\n'), more...), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if r := command(p.t, p.own, "apply", file); r.Code != 0 {
		p.t.Fatalf("apply: %s%s", r.Out, r.Err)
	}
}

// mentioned runs the commands that whoever runs Touchstone would, and returns the keys that they print, by role.
func (p *publishing) mentioned(commands []string) map[string]string {
	p.t.Helper()
	tokens := map[string]string{}
	for _, c := range commands {
		args := strings.Fields(c)[1:]
		if args[0] == "tail" {
			args = []string{"tail", "--help"} // it never ends
		}
		r := command(p.t, p.own, args...)
		if r.Code != 0 {
			p.t.Errorf("%s: exits with %d: %s", c, r.Code, r.Err)
		}
		if args[0] == "keys" {
			tokens[args[2]] = strings.TrimSpace(r.Out)
		}
	}
	return tokens
}

func (p *publishing) key(source string) string {
	p.t.Helper()
	k, err := p.own.Clients().Admin.CreateKey(p.t.Context(), &adminv1.CreateKeyRequest{Role: adminv1.KeyRole_KEY_ROLE_SOURCE, Organisation: "telecom", Source: source})
	if err != nil {
		p.t.Fatal(err)
	}
	return k.GetToken()
}

// env is what the page's first block sets.
func (p *publishing) env(source string) []string {
	at := p.own.At()
	return append(instance.Environ(), "PATH="+filepath.Join(p.run, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+p.run,
		"TOUCHSTONE_KEY="+p.keys[source], "TOUCHSTONE_HTTP=http://"+at.HTTP, "TOUCHSTONE_SERVER="+at.GRPC, "TOUCHSTONE_NATS=nats://"+at.NATS,
		"AT="+time.Now().Add(-time.Minute).UTC().Format(time.RFC3339))
}

// page runs the commands: three events, a correction, and a native record.
func (p *publishing) page(t *testing.T, commands []string) {
	for _, c := range commands[:4] {
		p.recorded(t, c, "acd")
	}
	if out := p.shell(t, commands[4], "pbx"); !contains(out, "help_line", `"events":3`) {
		t.Errorf("the native record: %s", out)
	}
}

func (p *publishing) recorded(t *testing.T, command, source string) {
	t.Helper()
	out := p.shell(t, command, source)
	if low := strings.ToLower(out); !strings.Contains(low, "recorded") || strings.Contains(low, "refus") {
		t.Errorf("%s\nanswers: %s", command, out)
	}
}

func (p *publishing) shell(t *testing.T, script, source string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	c.Dir, c.Env = p.run, p.env(source)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s\nfails: %v\n%s", script, err, out)
	}
	return string(out)
}

// counts waits until so many interactions count at the help line, and holds that no more do.
func (p *publishing) counts(t *testing.T, want int) {
	t.Helper()
	get := func() (int64, error) {
		settled(t, p.own.Clients().Admin)
		s, err := p.own.Clients().Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
			Organisation: "telecom", Score: "interactions.count", Scope: &scorev1.Scope{Touchpoint: "help_line"}, Window: scorev1.Window_WINDOW_ALL,
		}})
		return s.GetScore().GetN(), err
	}
	n, err := get()
	for until := time.Now().Add(10 * time.Second); err == nil && n < int64(want) && time.Now().Before(until); n, err = get() {
		time.Sleep(20 * time.Millisecond) // a native record takes two steps
	}
	if err != nil || n != int64(want) {
		t.Errorf("%d interactions count, want %d (%v)", n, want, err)
	}
}
