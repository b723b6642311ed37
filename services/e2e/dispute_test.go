package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// What is ruled out is in no score any more, whatever is corrected before and after, through kill -9 and rebuild; what is
// contested only, and what is ruled to count, is. A forgotten customer takes contested facts along, and their disputes stay.
func TestDisputes(t *testing.T) {
	i := started(t)
	const org = "court"
	to := i.Clients()
	apply(t, to.Maps, traffic.Map(org))
	all := clientele(1200)
	deliver(t, to, org, all[:len(all)*3/4])

	key := func() string {
		r := command(t, i, "keys", "create", "owner", "-o", org)
		if r.Code != 0 {
			t.Fatalf("keys create ends with %d: %s", r.Code, r.Err)
		}
		return strings.TrimSpace(r.Out)
	}
	anna, ben := key(), key()
	settled(t, to.Admin)
	excluded, ids := map[oracle.Key]bool{}, map[oracle.Key]string{}
	for n, k := range contestable(all, all[:len(all)*3/4], 12) {
		args := []string{"contest", strings.ToLower(strings.TrimPrefix(k.Kind.String(), "KIND_")) + "/" + k.Source + "/" + k.ID, "-o", org, "--as", "head", "--reason", "the line was down for a test", "--key", anna, "--format", "json"}
		if k.About != "" {
			args = append(args, "--interaction", k.AboutSource+"/"+k.About)
		}
		r := command(t, i, args...)
		var told []struct {
			ID string `json:"id"`
		}
		if r.Code != 0 || json.Unmarshal([]byte(r.Out), &told) != nil || len(told) != 1 {
			t.Fatalf("%q ends with %d: %s%s", args, r.Code, r.Out, r.Err)
		}
		ids[k] = told[0].ID
		if r := command(t, i, "rule", told[0].ID, "counted", "-o", org, "--reason", "I say so myself", "--key", anna); r.Code == 0 || !strings.Contains(r.Err, "another person rules") {
			t.Fatalf("who contests rules: %d, %s%s", r.Code, r.Out, r.Err)
		}
		ruling := [...]string{"excluded", "counted", ""}[n%3]
		if ruling == "" {
			continue
		}
		if r := command(t, i, "rule", told[0].ID, ruling, "-o", org, "--reason", "the test is in the log", "--key", ben); r.Code != 0 {
			t.Fatalf("rule ends with %d: %s", r.Code, r.Err)
		}
		if ruling == "excluded" {
			excluded[k] = true
		}
	}
	equalsRecount(t, to, org, "ruled", recount(all[:len(all)*3/4], excluded))

	// Corrections, late answers and retractions go on.
	deliver(t, to, org, all)
	if err := i.Kill(); err != nil {
		t.Fatal(err)
	}
	begin(t, i)
	equalsRecount(t, to, org, "killed", recount(all, excluded))
	verified(t, to.Admin)

	theirs := maps.Clone(excluded)
	for _, d := range all {
		if customer, _ := customerIn(d.fact); customer == leaver {
			theirs[oracle.KeyOf(d.source, d.fact)] = true
		}
	}
	if r := command(t, i, "forget", leaver, "-o", org, "--reason", "erasure request 4711", "--yes"); r.Code != 0 {
		t.Fatalf("forget ends with %d: %s", r.Code, r.Err)
	}
	if r := command(t, i, "rebuild"); r.Code != 0 {
		t.Fatalf("rebuild ends with %d: %s", r.Code, r.Err)
	}
	verified(t, to.Admin)
	equalsRecount(t, to, org, "forgotten", recount(all, theirs))
	r := command(t, i, "disputes", "-o", org, "--format", "json")
	var list []struct {
		ID string `json:"id"`
	}
	if r.Code != 0 || json.Unmarshal([]byte(r.Out), &list) != nil || len(list) != len(ids) {
		t.Fatalf("disputes ends with %d: %s%s", r.Code, r.Out, r.Err)
	}
	if r := command(t, i, "event", "disputes", list[0].ID, "--kind", "dispute", "-o", org); r.Code != 0 || !strings.Contains(r.Out, "open, as head, because the line was down for a test") {
		t.Errorf("its steps: %s%s", r.Out, r.Err)
	}
	for k, id := range ids {
		r := command(t, i, "event", k.Source, k.ID, "-o", org, "--kind", strings.ToLower(strings.TrimPrefix(k.Kind.String(), "KIND_")), "--interaction", interaction(k))
		if said := []string{"contested by head on", "ruled out on", "ruled to count on", "retracted: it counts nowhere"}; r.Code != 0 ||
			!slices.ContainsFunc(said, func(x string) bool { return strings.Contains(r.Out, x) }) ||
			theirs[k] && !excluded[k] && !strings.Contains(r.Out, "retracted") {
			t.Errorf("%v, dispute %s: %s%s", k, id, r.Out, r.Err)
		}
	}
}

// interaction names what an answer is about, for a flag.
func interaction(k oracle.Key) string {
	if k.About == "" {
		return ""
	}
	return k.AboutSource + "/" + k.About
}

// contestable returns facts of every kind that count somewhere by then, and that nothing is ever about: the recount leaves
// facts out whole, and answers would keep an interaction's context.
func contestable(all, then []delivered, n int) (out []oracle.Key) {
	about := map[oracle.Key]bool{}
	for _, d := range all {
		if k := oracle.KeyOf(d.source, d.fact); k.About != "" {
			about[oracle.Key{Kind: factv1.Kind_KIND_INTERACTION, Source: k.AboutSource, ID: k.About}] = true
		}
	}
	byKind := map[factv1.Kind][]oracle.Key{}
	recount(then, nil).Newest(func(k oracle.Key, v *oracle.Version) {
		if !v.Retracted && v.Case.At != 0 && v.Case.Touchpoint != "" && !about[k] {
			byKind[k.Kind] = append(byKind[k.Kind], k)
		}
	})
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		keys := byKind[kind]
		slices.SortFunc(keys, func(a, b oracle.Key) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		out = append(out, keys[:min(len(keys), n/3)]...)
	}
	return out
}
