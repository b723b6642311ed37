package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Two instances run in one process, in a test and in nobody's way: what a package holds for all of them never changes.

func TestNothingRunsBeforeMain(t *testing.T) {
	for _, f := range tree(t) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: func init: let the caller call, and order, and see", f.at(fn))
			}
		}
	}
}

func TestGlobalsNeverChange(t *testing.T) {
	type global struct {
		file
		node ast.Node
	}
	globals := map[string]map[string]global{} // package → name → where
	files := slices.DeleteFunc(tree(t), func(f file) bool { return f.test })
	for _, f := range files {
		if globals[f.dir] == nil {
			globals[f.dir] = map[string]global{}
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				spec := s.(*ast.ValueSpec)
				for i, name := range spec.Names {
					globals[f.dir][name.Name] = global{f, name}
					if name.Name == "_" {
						continue // an assertion of the compiler
					}
					if isEmbedded(g) {
						continue // files of the package: they never change
					}
					if i >= len(spec.Values) || !isConstant(f, spec.Values[i]) {
						t.Errorf("%s: %s: a package holds errors, patterns and tables; everything else is a field of something, made by New", f.at(name), name.Name)
					}
				}
			}
		}
	}
	for _, f := range files {
		for _, n := range changes(f.File) {
			if g, ok := globals[f.dir][n.Name]; ok {
				t.Errorf("%s: changes %s, which is global (%s)", f.at(n), n.Name, g.at(g.node))
			}
		}
	}
}

func TestChangesAreFound(t *testing.T) {
	const source = `package p

func f(mine []int) {
	a = 1
	b[1], c.d = 2, 3
	e++
	delete(g, 1)
	h := &i.j
	for k = range 3 {
	}
	l, m := n, o // declared here
	l, mine[0] = m, *h
	*q = 4
	(r) += 5
	func(s int) { s = 1 }(t)
}
`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, id := range changes(f) {
		found = append(found, id.Name)
	}
	if want := []string{"a", "b", "c", "e", "g", "i", "k", "q", "r"}; !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

// isEmbedded reports whether a declaration holds files of its package.
func isEmbedded(d *ast.GenDecl) bool {
	if d.Doc == nil {
		return false
	}
	return slices.ContainsFunc(d.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// isConstant reports whether an expression makes something that is meant to stay as it is: a literal, a table, an error,
// a pattern, or one of these by way of a conversion.
func isConstant(f file, e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit, *ast.Ident, *ast.SelectorExpr:
		return true
	case *ast.CompositeLit:
		typ, ok := e.Type.(*ast.SelectorExpr)
		return !ok || typ.X.(*ast.Ident).Name != "sync" && typ.X.(*ast.Ident).Name != "atomic"
	case *ast.UnaryExpr:
		return e.Op != token.AND && isConstant(f, e.X)
	case *ast.BinaryExpr:
		return isConstant(f, e.X) && isConstant(f, e.Y)
	case *ast.CallExpr:
		switch fun := e.Fun.(type) {
		case *ast.ArrayType:
			return true // []byte("…")
		case *ast.FuncLit:
			return len(e.Args) == 0 // a table that is computed
		case *ast.SelectorExpr:
			x, ok := fun.X.(*ast.Ident)
			if !ok {
				return false
			}
			for _, maker := range [][2]string{
				{"errors", "New"},
				{"fmt", "Errorf"},
				{"regexp", "MustCompile"},
				{"strings", "NewReplacer"},
				{"big", "NewInt"},
				{services + "internal/fault", "New"},
			} {
				if (x.Name == maker[0] || x.Name == f.local(maker[0])) && fun.Sel.Name == maker[1] {
					return true
				}
			}
		}
	}
	return false
}

// names returns what a function declares itself: parameters, results and variables of its body.
func names(fn *ast.FuncDecl) map[string]bool {
	own := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, name := range n.Names {
				own[name.Name] = true
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				own[name.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					if id, ok := e.(*ast.Ident); ok {
						own[id.Name] = true
					}
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if id, ok := e.(*ast.Ident); ok {
						own[id.Name] = true
					}
				}
			}
		}
		return true
	})
	return own
}

// changes returns the variables that a file's functions assign to, in whole or in part, take the address of or empty, but
// for those that the function declares itself.
func changes(f *ast.File) []*ast.Ident {
	var found []*ast.Ident
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		own := names(fn)
		add := func(e ast.Expr) {
			if id := root(e); id != nil && !own[id.Name] {
				found = append(found, id)
			}
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						add(e)
					}
				}
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN {
					add(n.Key)
					add(n.Value)
				}
			case *ast.IncDecStmt:
				add(n.X)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					add(n.X)
				}
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, id.Name) {
					add(n.Args[0])
				}
			}
			return true
		})
	}
	return found
}

// root is the variable of which an expression is a part.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// What the standard library and others hold for the whole process is not ours to use: loggers, registries and clients are
// passed in. And main alone ends the process.
func TestNobodyElsesGlobals(t *testing.T) {
	for imported, list := range map[string][]string{
		"os":                       {"Exit", "Setenv", "Unsetenv", "Chdir"},
		"log":                      {"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Print", "Printf", "Println", "Default", "SetOutput", "SetFlags"},
		"log/slog":                 {"SetDefault", "Default", "Debug", "Info", "Warn", "Error", "Log", "DebugContext", "InfoContext", "WarnContext", "ErrorContext"},
		"net/http":                 {"DefaultClient", "DefaultServeMux", "DefaultTransport", "Get", "Post", "PostForm", "Head", "Handle", "HandleFunc", "ListenAndServe"},
		"flag":                     {"Parse", "String", "Int", "Bool", "Duration", "StringVar", "IntVar", "BoolVar"},
		"go.opentelemetry.io/otel": {"SetTracerProvider", "SetMeterProvider", "SetTextMapPropagator", "Tracer", "Meter"},
		"github.com/prometheus/client_golang/prometheus": {"DefaultRegisterer", "DefaultGatherer", "MustRegister", "Register"},
	} {
		for _, f := range tree(t) {
			if f.test || layer(f.dir) == "e2e" || f.Name.Name == "main" && (imported == "os" || imported == "flag") {
				continue
			}
			f.uses(imported, func(name string, at token.Position) {
				if slices.Contains(list, name) {
					t.Errorf("%s: %s.%s is the whole process's: take what is needed as a parameter", at, imported, name)
				}
			})
		}
	}
}
