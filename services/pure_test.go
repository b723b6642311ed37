package services_test

import (
	"go/token"
	"slices"
	"strings"
	"testing"
)

// calculation is a package that computes: values and times in, values out. The same input gives the same bytes, wherever and
// whenever it runs; scores, replays, backtests and the fuzz targets lean on that.
type calculation struct {
	dir    string
	may    []string // what it imports besides the standard library, each with all below it
	except []string // files of the folder that do more than compute
}

func calculations() []calculation {
	const (
		protobuf = "google.golang.org/protobuf"
		xxh3     = "github.com/zeebo/xxh3"
		yaml     = "gopkg.in/yaml.v3"
	)
	fault, wire, fold := services+"internal/fault", services+"internal/wire", services+"internal/fold"
	expmap, seal := services+"internal/expmap", services+"internal/seal"
	return []calculation{
		{dir: "correlation/cell"},
		{dir: "correlation/score", may: []string{services + "correlation/cell", fault, "gonum.org/v1/gonum/stat/distuv"}},
		// Of fold they take the form of a write alone.
		{dir: "correlation/ledger", may: []string{fold}},
		{dir: "correlation/state", may: []string{
			services + "correlation/cell", services + "correlation/ledger", fold, fault, wire, xxh3,
			contract + "fact/v1", contract + "score/v1",
		}},
		{dir: "internal/fault"},
		{dir: "internal/wire", may: []string{contract + "fact/v1", xxh3}},
		// The map is a message of the contract; its forms are read and written by reflection.
		{
			dir: "internal/expmap", may: []string{contract + "map/v1", protobuf, "buf.build/go/protovalidate", yaml, "cel.dev/cel-go", "golang.org/x/text/language"},
			except: []string{"apply.go", "await.go", "follow.go", "registry.go"},
		},
		{dir: "internal/directory", may: []string{contract + "directory/v1", expmap, fault}, except: []string{"store.go"}},
		{dir: "simulate", may: []string{contract + "fact/v1", contract + "map/v1", expmap, protobuf, xxh3}},
		// It seals what is personal, under fresh keys: that alone does not repeat.
		{dir: "touchpoint-ingest/admit", may: []string{contract + "fact/v1", contract + "ingest/v1", expmap, seal, fault, wire, protobuf}},
		{dir: "touchpoint-ingest/cloudevent", may: []string{contract + "fact/v1", contract + "ingest/v1", expmap, fault, wire, protobuf}},
		{dir: "survey/align"},
		{
			dir: "survey/page", may: []string{fault, yaml, "golang.org/x/text"},
			except: []string{"page.go", "handler.go", "step.go", "stop.go", "request.go", "render.go"},
		},
		{dir: "survey/channel/compose", may: []string{
			services + "survey/channel", services + "survey/gate", contract + "map/v1", fault, yaml, "golang.org/x/text",
		}},
		{dir: "cmd/touchstone/cli/importer", may: []string{contract + "fact/v1", protobuf, yaml}},
	}
}

// outside are the packages of the standard library that reach beyond values, and pure those below them that don't.
func outside() []string {
	return []string{"context", "crypto/rand", "database", "log", "math/rand", "net", "os", "runtime", "syscall", "unsafe"}
}

func pure() []string { return []string{"math/rand/v2", "net/netip", "net/url"} }

// clock are the names of package time that read the clock, wait for it or know where the machine stands.
func clock() []string {
	return []string{"After", "AfterFunc", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}
}

func TestCalculationsArePure(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range tree(t) {
		i := slices.IndexFunc(calculations(), func(c calculation) bool { return c.dir == f.dir })
		if i < 0 || f.test {
			continue
		}
		c := calculations()[i]
		seen[c.dir] = true
		if slices.Contains(c.except, strings.TrimPrefix(f.path, c.dir+"/")) {
			continue
		}
		for imported, spec := range f.imports() {
			inside := func(folder string) bool { return within(imported, folder) }
			switch {
			case isStandard(imported):
				if slices.ContainsFunc(outside(), inside) && !slices.Contains(pure(), imported) {
					t.Errorf("%s: %s computes, and imports %s: let the caller do that and pass the value", f.at(spec), c.dir, imported)
				}
			case !slices.ContainsFunc(c.may, inside):
				t.Errorf("%s: %s computes, and may not import %s", f.at(spec), c.dir, imported)
			}
		}
		f.uses("time", func(name string, at token.Position) {
			if slices.Contains(clock(), name) {
				t.Errorf("%s: %s computes, and calls time.%s: let the caller pass the time", at, c.dir, name)
			}
		})
		f.uses("math/rand/v2", func(name string, at token.Position) {
			if !slices.Contains([]string{"New", "NewPCG", "NewChaCha8", "NewZipf", "PCG", "ChaCha8", "Rand", "Source", "Zipf"}, name) {
				t.Errorf("%s: %s computes, and calls rand.%s, which no seed repeats", at, c.dir, name)
			}
		})
	}
	for _, c := range calculations() {
		if !seen[c.dir] {
			t.Errorf("%s is listed and not there", c.dir)
		}
	}
}
