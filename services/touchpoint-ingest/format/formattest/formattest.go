// Package formattest checks what every native format must satisfy. A format's test is one call of Run, its fuzz test one
// call of Fuzz, and its cases are folders of testdata.
//
// A case holds deliveries in the order of their names ("1.body", beside it "1.header" with lines "Name: value" and "1.url"
// where a request is meant), "want" with one line for each thing that is to come of them, and "persons" and "agents" with one
// line for each text that identifies a customer or an agent and must not be kept. A case whose records name an agent has
// "agents". Run it with -update to write "want" anew, then read what changed: agents stand there by the names that were given.
package formattest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Now is when every delivery of a case is received.
func Now() time.Time { return time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC) }

// Options are those of every case: times without a zone are Berlin's.
func Options(t testing.TB) format.Options {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return format.Options{Zone: zone, Person: person, Agent: agent}
}

// person stands for the keyed hash of a text that identifies a person.
func person(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("formattest" + text))
	return "p-" + hex.EncodeToString(sum[:6])
}

// agent stands for the token of an agent's name. Agents of two calls have nothing in common in it but the team, which holds the
// name in hexadecimal digits: so tests can be written with names.
func agent(call, name string) string {
	if name == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("formattest" + call + "\x00" + name))
	return format.Agent{Mark: hex.EncodeToString(sum[:8]), Team: hex.EncodeToString([]byte(name))}.String()
}

// Name returns whose name a token stands for; ok is false when it is none that Options made.
func Name(token string) (name string, ok bool) {
	a, ok := format.ParseAgent(token)
	if !ok {
		return "", false
	}
	b, err := hex.DecodeString(a.Team)
	return string(b), err == nil
}

// Named returns a record with its agent's name in place of the token.
func Named(r format.Record) *format.Record {
	if name, ok := Name(r.Agent); ok {
		r.Agent = name
	}
	return &r
}

// Run checks a format by all its cases.
func Run(t *testing.T, f *format.Format) {
	update := flag.Lookup("update") != nil && flag.Lookup("update").Value.String() == "true"
	o := Options(t)
	folders, err := filepath.Glob("testdata/*/want")
	if err != nil {
		t.Fatal(err)
	}
	if update {
		folders, _ = filepath.Glob("testdata/*/1.body")
	}
	if len(folders) == 0 {
		t.Fatal("there is no case: testdata/<case>/1.body and want")
	}
	for _, at := range folders {
		dir := filepath.Dir(at)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			deliveries := read(t, dir)
			got := describe(f, deliveries, o)
			if update {
				if err := os.WriteFile(filepath.Join(dir, "want"), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(filepath.Join(dir, "want"))
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			anyOrder(t, f, deliveries, o, records(f, deliveries, o))
			unended(t, f, deliveries, o)
			damaged(t, f, deliveries, o)
			private(t, f, dir, deliveries, o)
			remapped(t, f, deliveries, o)
		})
	}
}

// Fuzz makes sure that no delivery makes a format panic, keep more than it was given, or say different things twice.
func Fuzz(f *testing.F, ft *format.Format) {
	o := Options(f)
	bodies, err := filepath.Glob("testdata/*/*.body")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range bodies {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d := format.Delivery{Body: body, ReceivedAt: Now()}
		once := records(ft, []format.Delivery{d}, o)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 && len(body) < 64<<10 {
			t.Fatalf("%d bytes became %d bytes of memory", len(body), used)
		}
		if again := records(ft, []format.Delivery{d, d}, o); again != once {
			t.Fatalf("once\n%s\ntwice\n%s", once, again)
		}
	})
}

func read(t *testing.T, dir string) []format.Delivery {
	names, err := filepath.Glob(filepath.Join(dir, "*.body"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var all []format.Delivery
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := format.Delivery{Body: body, ReceivedAt: Now()}
		stem := strings.TrimSuffix(name, ".body")
		if b, err := os.ReadFile(stem + ".header"); err == nil {
			d.Header = map[string][]string{}
			for line := range strings.Lines(string(b)) {
				if k, v, ok := strings.Cut(strings.TrimRight(line, "\n"), ": "); ok {
					d.Header[textproto.CanonicalMIMEHeaderKey(k)] = append(d.Header[textproto.CanonicalMIMEHeaderKey(k)], v)
				}
			}
		}
		if b, err := os.ReadFile(stem + ".url"); err == nil {
			if d.URL, err = url.Parse(strings.TrimSpace(string(b))); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, d)
	}
	return all
}

// describe says what comes of deliveries: records, then what was ignored, then problems.
func describe(f *format.Format, deliveries []format.Delivery, o format.Options) string {
	var b strings.Builder
	b.WriteString(records(f, deliveries, o))
	ignored := map[string]int{}
	for i, d := range deliveries {
		p := f.Parse(d, o)
		for name, n := range p.Ignored {
			ignored[name] += n
		}
		for _, x := range p.Problems {
			fmt.Fprintf(&b, "problem in %d, line %d, field %q: %s %s\n", i+1, x.Line, x.Field, x.Message, x.Remedy)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ignored)) {
		fmt.Fprintf(&b, "ignored %s: %d\n", name, ignored[name])
	}
	return b.String()
}

func records(f *format.Format, deliveries []format.Delivery, o format.Options) string {
	var events []format.Event
	for _, d := range deliveries {
		events = append(events, f.Parse(d, o).Events...)
	}
	// The newest version of each record holds, as it does in the ledger.
	newest := map[string]format.Record{}
	for _, r := range f.Assemble(events, o) {
		key := "i " + r.ID
		if r.Answer != nil {
			key = "a " + r.ID
		}
		if old, ok := newest[key]; !ok || r.Version > old.Version || r.Version == old.Version && r.String() > old.String() {
			newest[key] = r
		}
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		r := newest[key]
		b.WriteString(Named(r).String() + "\n")
	}
	return b.String()
}

// anyOrder delivers everything three times, shuffled, by parts and at once.
func anyOrder(t *testing.T, f *format.Format, deliveries []format.Delivery, o format.Options, want string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var all []format.Delivery
		for range 3 {
			all = append(all, deliveries...)
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := records(f, all, o); got != want {
			t.Fatalf("three times, shuffled:\n%s\nwant\n%s", got, want)
		}
	}
}

// unended makes sure that what has ended is told in the same way when asked what is left: the two are one version of it.
func unended(t *testing.T, f *format.Format, deliveries []format.Delivery, o format.Options) {
	t.Helper()
	if f.Unended == nil {
		return
	}
	var events []format.Event
	for _, d := range deliveries {
		events = append(events, f.Parse(d, o).Events...)
	}
	told := map[string]format.Record{}
	for _, r := range f.Assemble(events, o) {
		told[r.ID] = r
	}
	left := *f
	left.Records = f.Unended
	for _, r := range left.Assemble(events, o) {
		if other, ok := told[r.ID]; ok && other.Version == r.Version && other.String() != r.String() {
			t.Errorf("%s ended as\n%s\nand is unended as\n%s", r.ID, other.String(), r.String())
		}
	}
}

// damaged cuts and changes bodies: nothing may panic, and a panic is all that can fail here.
func damaged(t *testing.T, f *format.Format, deliveries []format.Delivery, o format.Options) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	for _, d := range deliveries {
		for range 200 {
			x := d
			x.Body = bytes.Clone(d.Body[:r.IntN(len(d.Body)+1)])
			for range r.IntN(4) {
				if len(x.Body) > 0 {
					x.Body[r.IntN(len(x.Body))] = byte(r.IntN(256))
				}
			}
			f.Assemble(f.Parse(x, o).Events, o)
		}
	}
}

// telling is the least length of a text that does not stand in others by chance.
const telling = 3

func asValue(events []format.Event, text string) bool {
	return slices.ContainsFunc(events, func(e format.Event) bool {
		return slices.Contains(slices.Collect(maps.Values(e.Fields)), text)
	})
}

// private makes sure that no text of "persons" and "agents" is kept, and that agents are named by tokens alone.
func private(t *testing.T, f *format.Format, dir string, deliveries []format.Delivery, o format.Options) {
	t.Helper()
	persons, _ := os.ReadFile(filepath.Join(dir, "persons"))
	agents, _ := os.ReadFile(filepath.Join(dir, "agents"))
	texts := slices.DeleteFunc(strings.Split(string(persons)+"\n"+string(agents), "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
	var events []format.Event
	for _, d := range deliveries {
		p := f.Parse(d, o)
		events = append(events, p.Events...)
		for i := range p.Events {
			p.Events[i].Text = "" // sealed
		}
		kept := fmt.Sprintf("%+v", p)
		for _, text := range texts {
			if text = strings.TrimSpace(text); len(text) >= telling && strings.Contains(kept, text) || asValue(p.Events, text) {
				t.Errorf("%q is kept", text)
			}
		}
	}
	for _, r := range f.Assemble(events, o) {
		name, ok := Name(r.Agent)
		switch {
		case r.Agent == "":
		case !ok:
			t.Errorf("%s names its agent %q, which is no token", r.ID, r.Agent)
		case !slices.Contains(texts, name):
			t.Errorf("%s is by %q, who is missing in the file agents", r.ID, name)
		}
	}
}

// remapped makes sure that a repetition is one whatever the map says of the agents: by another team, and with scores of agents.
func remapped(t *testing.T, f *format.Format, deliveries []format.Delivery, o format.Options) {
	t.Helper()
	other := o
	other.Agent = func(call, name string) string {
		a, ok := format.ParseAgent(o.Agent(call, name))
		if !ok {
			return ""
		}
		a.Hash, a.Team = strings.Repeat("0f", 16), "elsewhere"
		return a.String()
	}
	for _, d := range deliveries {
		before, after := f.Parse(d, o).Events, f.Parse(d, other).Events
		if len(before) != len(after) {
			t.Fatalf("%d events are %d after the map has changed", len(before), len(after))
		}
		ids := map[string]bool{}
		for _, e := range before {
			ids[e.Call+"\x00"+e.ID] = true
		}
		for _, e := range after {
			if !ids[e.Call+"\x00"+e.ID] {
				t.Errorf("event %s of %s is another after the map has changed", e.ID, e.Call)
			}
		}
	}
}
