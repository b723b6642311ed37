// Package services_test holds the rules of the tree that no compiler knows: who imports whom, what is pure, what is global.
package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	services = "github.com/touchstone-cx/touchstone/services/"
	contract = "github.com/touchstone-cx/touchstone/proto/gen/touchstone/"
)

// file is one Go file of this module.
type file struct {
	*ast.File
	path string // from the module's root
	dir  string // its package, from the module's root
	test bool
	at   func(ast.Node) token.Position
}

// tree parses every Go file of this module.
func tree(t *testing.T) []file {
	t.Helper()
	var files []file
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && e.Name() == "testdata" {
			return filepath.SkipDir
		}
		name = filepath.ToSlash(name)
		if e.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file{
			File: f, path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
			at: func(n ast.Node) token.Position { return set.Position(n.Pos()) },
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("only %d files were found: is this the root of the module?", len(files))
	}
	return files
}

// imports returns the paths that a file imports, and their nodes.
func (f file) imports() map[string]*ast.ImportSpec {
	out := map[string]*ast.ImportSpec{}
	for _, spec := range f.Imports {
		out[strings.Trim(spec.Path.Value, `"`)] = spec
	}
	return out
}

// local returns the name by which a file calls an imported package; "" if it does not import it.
func (f file) local(imported string) string {
	spec := f.imports()[imported]
	switch {
	case spec == nil:
		return ""
	case spec.Name != nil:
		return spec.Name.Name
	}
	name := path.Base(imported)
	if strings.HasPrefix(name, "v") && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(imported))
	}
	return name
}

// uses calls found for every name of a package that a file uses: pkg.Name.
func (f file) uses(imported string, found func(name string, at token.Position)) {
	local := f.local(imported)
	if local == "" {
		return
	}
	ast.Inspect(f.File, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local {
				found(s.Sel.Name, f.at(s))
			}
		}
		return true
	})
}

// isStandard reports whether a path is one of the standard library.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// within reports whether a path is a folder or lies in it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
