package services_test

import (
	"slices"
	"strings"
	"testing"
)

// refusal says why a package may not import another; "" if it may. Both are folders of this module.
//
//	cmd → services, never one another → internal, never upwards → the contract
//
// e2e sees everything and nobody sees it.
func refusal(from, to string) string {
	a, b := layer(from), layer(to)
	switch {
	case b == "e2e" && a != "e2e":
		return "e2e is for tests from outside: nothing builds on it"
	case a == b, a == "e2e", b == "internal":
		return ""
	case b == "cmd":
		return "cmd is the top: what others need of it belongs in internal"
	case a == "internal":
		return "internal never looks upwards"
	case a == "cmd":
		return ""
	}
	return "services meet on the bus and by RPC, never by import"
}

// layer is "cmd", "internal", "e2e" or the name of a service.
func layer(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// foreign tells which module serves where: behind one package, so that it can be changed there. e2e measures against anything.
func foreign() map[string][]string {
	return map[string][]string{
		"github.com/nats-io/nats-server/v2":   {"internal/bus/embedded", "e2e/bench"},
		"github.com/cockroachdb/pebble/v2":    {"internal/fold/pebblestore", "internal/seal"},
		"github.com/redis/go-redis/v9":        {"internal/fold/redisstore"},
		"github.com/prometheus/client_golang": {"internal/host"},
		"github.com/spf13/cobra":              {"cmd"},
		"github.com/wneessen/go-mail":         {"survey/channel/email"},
		"gonum.org/v1/gonum":                  {"correlation"},
	}
}

func TestImportRule(t *testing.T) {
	for _, c := range []struct {
		from, to string
		may      bool
	}{
		{"cmd/touchstone", "correlation", true},
		{"cmd/touchstone/cli", "internal/expmap", true},
		{"correlation", "correlation/state", true},
		{"correlation/state", "internal/fold", true},
		{"internal/host", "internal/bus", true},
		{"e2e/bench", "correlation/state", true},
		{"correlation", "touchpoint-ingest/admit", false},
		{"touchpoint-ingest", "correlation", false},
		{"correlation", "cmd/touchstone/cli", false},
		{"internal/fold", "correlation/state", false},
		{"internal/fold", "cmd/touchstone", false},
		{"internal/fold", "e2e/oracle", false},
		{"cmd/touchstone", "e2e/instance", false},
	} {
		if why := refusal(c.from, c.to); (why == "") != c.may {
			t.Errorf("%s → %s: %q", c.from, c.to, why)
		}
	}
}

func TestImports(t *testing.T) {
	for _, f := range tree(t) {
		for imported, spec := range f.imports() {
			if to, ok := strings.CutPrefix(imported, services); ok {
				if why := refusal(f.dir, to); why != "" {
					t.Errorf("%s: imports %s: %s", f.at(spec), to, why)
				}
				if strings.HasSuffix(to, "test") && !f.test && !strings.HasSuffix(f.dir, "test") && layer(f.dir) != "e2e" {
					t.Errorf("%s: imports %s: a kit is for tests", f.at(spec), to)
				}
			}
			for module, where := range foreign() {
				if within(imported, module) && !f.test && layer(f.dir) != "e2e" && !slices.ContainsFunc(where, func(dir string) bool { return within(f.dir, dir) }) {
					t.Errorf("%s: imports %s, which only %s may: add what is needed there", f.at(spec), imported, strings.Join(where, " and "))
				}
			}
			if spec.Name != nil && spec.Name.Name == "_" && imported != "embed" && imported != "time/tzdata" {
				t.Errorf("%s: imports %s for its side effects: name in a visible list what is to be there", f.at(spec), imported)
			}
		}
	}
}

// The oracle counts a second time in its own way. Code it shared with what it judges would hide the faults of both.
func TestOracleSharesNoCode(t *testing.T) {
	files := 0
	for _, f := range tree(t) {
		if f.dir != "e2e/oracle" || f.test {
			continue
		}
		files++
		for imported, spec := range f.imports() {
			if strings.HasPrefix(imported, services) {
				t.Errorf("%s: imports %s", f.at(spec), imported)
			}
		}
	}
	if files == 0 {
		t.Error("there is no oracle in e2e/oracle")
	}
}
