package expmap

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// named checks what a trigger's condition names: attributes and metrics, and the ids that it compares with.
func (c *conditions) named(tree *cel.Ast) error {
	var err error
	at := func(e ast.Expr) string {
		l := tree.NativeRep().SourceInfo().GetStartLocation(e.ID())
		return position(tree.Source().Content(), l.Line(), l.Column())
	}
	look := func(e ast.Expr, variable, noun, id string) {
		if known := c.names[variable]; err == nil && known != nil && !has(known, id) {
			err = sentenceError{fmt.Sprintf("The condition names at %s the %s %q, which is not declared.%s", at(e), noun, id, DidYouMean(id, known))}
		}
	}
	field := func(e ast.Expr, of, id string) {
		if of == "attributes" || of == "metrics" {
			look(e, of, strings.TrimSuffix(of, "s"), id)
		}
	}
	visit(tree, func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			if s := e.AsSelect(); s.Operand().Kind() == ast.IdentKind {
				field(e, s.Operand().AsIdent(), s.FieldName())
			}
		case ast.CallKind:
			args := e.AsCall().Args()
			if len(args) != 2 {
				return
			}
			switch e.AsCall().FunctionName() {
			case operators.Index:
				if id, is := constant(args[1]); is && args[0].Kind() == ast.IdentKind {
					field(e, args[0].AsIdent(), id)
				}
			case operators.Equals, operators.NotEquals:
				for i := range args {
					if id, is := constant(args[1-i]); is {
						c.compares(args[i], id, func(variable, noun, id string) { look(args[1-i], variable, noun, id) }, func(attribute string) {
							err = sentenceError{fmt.Sprintf("The condition compares at %s the attribute %q with %q, which it never is.", at(args[1-i]), attribute, id)}
						})
					}
				}
			case operators.In:
				if args[0].Kind() == ast.IdentKind && args[1].Kind() == ast.ListKind {
					for _, x := range args[1].AsList().Elements() {
						if id, is := constant(x); is && args[0].AsIdent() != "attributes" && args[0].AsIdent() != "metrics" {
							look(x, args[0].AsIdent(), args[0].AsIdent(), id)
						}
					}
				}
			}
		}
	})
	return err
}

// compares looks at what a text of the interaction is compared with.
func (c *conditions) compares(e ast.Expr, with string, look func(variable, noun, id string), never func(attribute string)) {
	switch e.Kind() {
	case ast.IdentKind:
		if with != "" { // nothing known
			look(e.AsIdent(), e.AsIdent(), with)
		}
	case ast.SelectKind:
		s := e.AsSelect()
		if s.Operand().Kind() != ast.IdentKind || s.Operand().AsIdent() != "attributes" {
			return
		}
		for _, a := range c.p.GetAttributes() {
			if a.GetId() == s.FieldName() && !slices.Contains(a.GetValues(), with) {
				never(a.GetId())
			}
		}
	}
}

// constant returns a text that is written out.
func constant(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, is := e.AsLiteral().Value().(string)
	return s, is
}
