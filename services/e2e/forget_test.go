package e2e

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// leaver is the customer who is forgotten. Nobody else's id contains it.
const leaver = "Anna-Leaver@example.org"

// delivered is a fact as a source delivered it.
type delivered struct {
	source string
	fact   *factv1.Fact
}

func customerIn(f *factv1.Fact) (customer, text string) {
	if i := f.GetInteraction(); i != nil {
		return i.GetCustomerId(), i.GetNote()
	}
	return f.GetAnswer().GetCustomerId(), f.GetAnswer().GetText()
}

// clientele is the life of two sources whose calls and answers are those of a few customers, some of nobody. Each version of a
// fact chooses anew, so that corrections change the customer; many have a text that tells whose it is.
func clientele(n int) (out []delivered) {
	for number, source := range []string{"pbx", "survey"} {
		life := traffic.NewLife(20_263, uint64(number), time.Now())
		for range n {
			f := proto.CloneOf(life.Next())
			h := fnv.New64a()
			fmt.Fprint(h, source, f.GetId(), f.GetVersion())
			r := rand.New(rand.NewPCG(h.Sum64(), 1))
			customer := fmt.Sprintf("customer-%d", r.IntN(20))
			switch r.IntN(8) {
			case 0, 1:
				customer = leaver
			case 2:
				customer = ""
			}
			text := ""
			if r.IntN(3) > 0 {
				text = textOf(source, f, customer)
			}
			if i := f.GetInteraction(); i != nil {
				i.CustomerId, i.Note = customer, text
			}
			if a := f.GetAnswer(); a != nil {
				a.CustomerId, a.Text = customer, text
			}
			out = append(out, delivered{source, f})
		}
	}
	return out
}

func textOf(source string, f *factv1.Fact, customer string) string {
	return fmt.Sprintf("%s %s %d says %q", source, f.GetId(), f.GetVersion(), customer)
}

func deliver(t *testing.T, to instance.Clients, org string, all []delivered) {
	t.Helper()
	bySource := map[string][]*factv1.Fact{}
	for _, d := range all {
		bySource[d.source] = append(bySource[d.source], d.fact)
	}
	for source, facts := range bySource {
		publish(t, to.Ingest, org, source, facts...)
	}
}

// recount returns a journal of what was delivered but for facts that are left out.
func recount(all []delivered, without map[oracle.Key]bool) *oracle.Journal {
	j := oracle.NewJournal(nil, traffic.Resolutions())
	for _, d := range all {
		if !without[oracle.KeyOf(d.source, d.fact)] {
			j.Acknowledged(d.source, d.fact)
		}
	}
	return j
}

func equalsRecount(t *testing.T, to instance.Clients, org, when string, j *oracle.Journal) {
	t.Helper()
	settled(t, to.Admin)
	n, err := j.Compare(t.Context(), to.Scores, traffic.Map(org), oracle.Stretch{})
	if err != nil {
		t.Errorf("%s: %v", when, err)
	}
	facts, _ := j.Facts()
	t.Logf("%s: %d scores equal to a recount of %d facts", when, n, facts)
}

// A customer who is forgotten is in no score any more, whatever was corrected before and whatever is sent again after, and
// nobody reads what they wrote, in a copy of the streams from before either. All others are as they were.
func TestForgetCustomer(t *testing.T) {
	i, log := stopped(t, filepath.Join(t.TempDir(), "data"))
	begin(t, i)
	const org = "clientele"
	to := i.Clients()
	apply(t, to.Maps, traffic.Map(org))
	all := clientele(2500)
	deliver(t, to, org, all)
	equalsRecount(t, to, org, "before", recount(all, nil))

	theirs := map[oracle.Key]bool{}
	for _, d := range all {
		if customer, _ := customerIn(d.fact); customer == leaver {
			theirs[oracle.KeyOf(d.source, d.fact)] = true
		}
	}
	tellsAbout(t, i, org, "before", all, true)

	// A copy of the streams, as an old backup of the disk holds it.
	if code, err := i.Terminate(time.Minute); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	copied := filepath.Join(t.TempDir(), "nats")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(i.Dir(), "nats"))); err != nil {
		t.Fatal(err)
	}
	begin(t, i)

	r := command(t, i, "forget", leaver, "-o", org, "--reason", "erasure request 4711", "--yes", "--format", "json")
	var done []struct {
		Facts      string `json:"facts"`
		KeyDeleted bool   `json:"key_deleted"`
	}
	if r.Code != 0 || json.Unmarshal([]byte(r.Out), &done) != nil || len(done) != 1 || done[0].Facts != fmt.Sprint(len(theirs)) || !done[0].KeyDeleted {
		t.Fatalf("forget ends with %d: %s%s, want %d facts", r.Code, r.Out, r.Err, len(theirs))
	}
	equalsRecount(t, to, org, "forgotten", recount(all, theirs))
	tellsAbout(t, i, org, "forgotten", all, false)
	v := verified(t, to.Admin)
	seen := picture(t, target{Clients: to}, org)

	// Late deliveries: all of it again, and corrections that say it was another's.
	for _, d := range all {
		k := oracle.KeyOf(d.source, d.fact)
		if theirs[k] && d.fact.GetRetraction() == nil {
			late := proto.CloneOf(d.fact)
			late.Version += 1000
			if i := late.GetInteraction(); i != nil {
				i.CustomerId = "customer-1"
			}
			all = append(all, delivered{d.source, late})
		}
	}
	deliver(t, to, org, all)
	equalsRecount(t, to, org, "sent again", recount(all, theirs))
	if again := picture(t, target{Clients: to}, org); again != seen {
		t.Error("scores have moved by facts that were sent again")
	}
	if w := verified(t, to.Admin); w.GetCells() != v.GetCells() {
		t.Errorf("%d cells, and %d after facts were sent again", v.GetCells(), w.GetCells())
	}
	if _, err := to.Admin.Rebuild(t.Context(), &adminv1.RebuildRequest{}); err != nil {
		t.Fatal(err)
	}
	equalsRecount(t, to, org, "rebuilt", recount(all, theirs))
	verified(t, to.Admin)

	// Who comes back is counted anew.
	back := &factv1.Fact{Id: "back-1", Content: &factv1.Fact_Answer{Answer: proto.CloneOf(firstAnswer(t, all))}}
	back.GetAnswer().CustomerId, back.GetAnswer().Text = leaver, "is back"
	all = append(all, delivered{"survey", back})
	deliver(t, to, org, all[len(all)-1:])
	equalsRecount(t, to, org, "back", recount(all, theirs))
	tellsAbout(t, i, org, "back", all, true) // what was sent again is recorded again, though it counts nowhere
	if r := command(t, i, "forget", leaver, "-o", org, "--reason", "they asked again", "--yes"); r.Code != 0 || !strings.HasPrefix(r.Out, "1 facts are taken back") {
		t.Errorf("forgetting again ends with %d: %s%s", r.Code, r.Out, r.Err)
	}

	tellsAbout(t, i, org, "forgotten again", all, false)

	if code, err := i.Terminate(time.Minute); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	if s := log.String(); !strings.Contains(s, "a customer is forgotten") || !strings.Contains(s, "erasure request 4711") || strings.Contains(strings.ToLower(s), strings.ToLower(leaver)) {
		t.Error("the log does not tell that a customer was forgotten, or tells who")
	}
	unreadable(t, i, org, copied)
}

// Killed anywhere in the middle, the forgetting is completed by the same command.
func TestForgetKilled(t *testing.T) {
	i := started(t)
	const org = "killed"
	to := i.Clients()
	apply(t, to.Maps, traffic.Map(org))
	all := clientele(8000)
	theirs := map[oracle.Key]bool{}
	for _, d := range all {
		if customer, _ := customerIn(d.fact); customer == leaver {
			theirs[oracle.KeyOf(d.source, d.fact)] = true
		}
	}
	deliver(t, to, org, all)
	// A little later each time, until the command is through before it is killed.
	kills := 0
	for done := false; !done; kills++ {
		forget := i.Command(t.Context(), "forget", leaver, "-o", org, "--reason", "erasure request 4711", "--yes")
		if err := forget.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20*time.Millisecond + time.Duration(kills)*15*time.Millisecond)
		if err := i.Kill(); err != nil {
			t.Fatal(err)
		}
		done = forget.Wait() == nil
		begin(t, i)
	}
	r := command(t, i, "forget", leaver, "-o", org, "--reason", "erasure request 4711", "--yes", "--format", "csv")
	if r.Code != 0 {
		t.Fatalf("forget ends with %d: %s", r.Code, r.Err)
	}
	t.Logf("%d facts, %d kills, and the last call finds: %s", len(theirs), kills, r.Out)
	equalsRecount(t, to, org, "forgotten", recount(all, theirs))
	tellsAbout(t, i, org, "forgotten", all, false)
	verified(t, to.Admin)
	if r := command(t, i, "forget", leaver, "-o", org, "--reason", "erasure request 4711", "--yes"); r.Code != 0 || !strings.HasPrefix(r.Out, "nothing of this customer counts") {
		t.Errorf("forgetting again ends with %d: %s%s", r.Code, r.Out, r.Err)
	}
}

func firstAnswer(t *testing.T, all []delivered) *factv1.Answer {
	t.Helper()
	for _, d := range all {
		if a := d.fact.GetAnswer(); a != nil && a.GetInteraction() == nil {
			return a
		}
	}
	t.Fatal("nobody answered")
	return nil
}

// tellsAbout holds the command to every version that was sent about the customer, with its text or without any.
func tellsAbout(t *testing.T, i *instance.Instance, org, when string, all []delivered, clear bool) {
	t.Helper()
	want := map[string]string{}
	for _, d := range all {
		if customer, text := customerIn(d.fact); customer == leaver {
			if !clear {
				text = ""
			}
			want[fmt.Sprint(oracle.KeyOf(d.source, d.fact), d.fact.GetVersion())] = text
		}
	}
	r := command(t, i, "about", leaver, "-o", org, "--format", "json")
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(r.Out), &list); r.Code != 0 || err != nil {
		t.Fatalf("%s: about ends with %d: %s, %v", when, r.Code, r.Err, err)
	}
	if len(list) != len(want) {
		t.Errorf("%s: %d versions are told, %d were sent", when, len(list), len(want))
	}
	for _, b := range list {
		x := new(ingestv1.AboutCustomerResponse)
		if err := protojson.Unmarshal(b, x); err != nil {
			t.Fatal(err)
		}
		f := x.GetFact()
		k := fmt.Sprint(oracle.Key{Kind: f.GetKind(), Source: f.GetSource(), ID: f.GetId(), AboutSource: f.GetAboutSource(), About: f.GetAboutId()}, f.GetVersion())
		if text, sent := want[k]; !sent || text != x.GetText() {
			t.Errorf("%s: of %s %q is told, want %q", when, k, x.GetText(), text)
		}
	}
}

// unreadable opens every text of an old copy of the streams with the keys as they are now.
func unreadable(t *testing.T, i *instance.Instance, org, copied string) {
	t.Helper()
	keys := filepath.Join(i.Dir(), "keys")
	hasher, err := seal.OpenHasher(keys)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.OpenSealer(keys, filepath.Join(i.Dir(), "touchpoint-ingest"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sealer.Close(); err != nil {
			t.Error(err)
		}
	}()
	var gone [seal.Size]byte
	hasher.Hash(&gone, org, seal.Customer, []byte(leaver))
	b, _ := bustest.In(t, copied)
	st, err := b.JS().Stream(t.Context(), bus.StreamFact)
	if err != nil {
		t.Fatal(err)
	}
	sealed, open := 0, 0
	for seq := uint64(1); seq <= st.CachedInfo().State.LastSeq; seq++ {
		m, err := st.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		err = wire.ScanBatch(m.Data, func(_ int, r *wire.Recorded) error {
			f := new(factv1.RecordedFact)
			if err := proto.Unmarshal(r.Raw, f); err != nil {
				return err
			}
			words := f.GetInteraction().GetSealedNote()
			if a := f.GetAnswer(); a != nil {
				words = a.GetSealedText()
			}
			if len(words) == 0 {
				return nil
			}
			var customer [seal.Size]byte
			copy(customer[:], r.Customer)
			text, err := sealer.OpenText(org, customer, words)
			switch {
			case customer == gone && err == nil:
				t.Errorf("%s can still be read: %s", f.GetId(), text)
			case customer == gone:
				sealed++
			case err != nil:
				t.Errorf("%s of another customer cannot be read: %v", f.GetId(), err)
			case strings.Contains(string(text), leaver):
				t.Errorf("%s was sealed by another's key: %s", f.GetId(), text)
			default:
				open++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if sealed == 0 || open == 0 {
		t.Errorf("the copy holds %d texts of the customer and %d of others: nothing is shown", sealed, open)
	}
	t.Logf("an old copy holds %d texts that nobody reads any more, and %d of others", sealed, open)
}
