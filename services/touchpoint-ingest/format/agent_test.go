package format_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

func TestAgentTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := format.Agent{
			Mark: rapid.StringMatching(`[0-9a-f]{16}`).Draw(t, "mark"), Hash: rapid.StringMatching(`([0-9a-f]{32})?`).Draw(t, "hash"),
			Team: rapid.String().Draw(t, "team"),
		}
		if got, ok := format.ParseAgent(a.String()); !ok || got != a {
			t.Fatalf("%v became %v, %v", a, got, ok)
		}
		if format.Identity(a.String()) != a.Mark {
			t.Fatal("the identity is more than the mark")
		}
	})
	mark, hash := strings.Repeat("0a", 8), strings.Repeat("0b", 16)
	for _, name := range []string{
		"", "Jon", "agent", "agent~", "agent~Jon~~", "agent~" + mark, "agent~" + mark + "~", "agent~" + mark + "~" + hash, "agent~" + mark + "~0b~north",
		"agent~" + strings.ToUpper(mark) + "~~north", " agent~" + mark + "~~north",
	} {
		if a, ok := format.ParseAgent(name); ok || a != (format.Agent{}) || format.Identity(name) != name {
			t.Errorf("the name %q is read as the token %v", name, a)
		}
	}
}
