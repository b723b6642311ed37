package expmap

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Conditions are written in CEL (cel.dev). They compute without loops: of the macros there is has() alone, so that what a
// condition costs is bounded by its length; a limit of cost stops what would still take long (a pattern over a long text).
const (
	conditionCost  = 100_000 // of CEL's units, each about an operation
	conditionSize  = 1000    // characters
	conditionDepth = 50
)

// Condition is a condition of a survey, compiled. A nil one always holds. It is immutable and safe for concurrent use.
type Condition struct {
	// Text as the map has it.
	Text string
	// Reads are the ids of the questions that it reads, sorted; nil for the condition of a trigger.
	Reads   []string
	kinds   map[string]mapv1.QuestionKind
	program cel.Program // nil where a map that was never checked has what cannot be read: it never holds
}

// Answer is what was answered to a question.
type Answer struct {
	// Values are points of the scale or values of choices: one, several for kind multiple, all in order for a ranking.
	Values []int32
	// Text of a question of kind text.
	Text string
}

// Holds reports whether the condition holds of answers, by question id. A question that was not answered is not known: what
// depends on it does not hold, but "nps <= 6 || easy <= 3" does where either is known to.
func (c *Condition) Holds(answers map[string]Answer) bool {
	if c == nil {
		return true
	}
	known := make(map[string]any, len(c.Reads))
	for _, id := range c.Reads {
		a, is := answers[id]
		switch k := c.kinds[id]; {
		case !is:
		case k == mapv1.QuestionKind_QUESTION_KIND_TEXT:
			known[id] = a.Text
		case k == mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, k == mapv1.QuestionKind_QUESTION_KIND_RANKING:
			values := make([]int64, len(a.Values))
			for i, v := range a.Values {
				values[i] = int64(v)
			}
			known[id] = values
		case len(a.Values) == 1:
			known[id] = int64(a.Values[0])
		}
	}
	return c.holds(known)
}

func (c *Condition) holds(known map[string]any) bool {
	if c.program == nil {
		return false
	}
	v, _, err := c.program.Eval(known)
	if err != nil {
		return false // it reads what is not known, or costs too much
	}
	is, ok := v.Value().(bool)
	return ok && is
}

// conditions compiles the conditions of a map.
type conditions struct {
	p         *mapv1.Map
	base      *cel.Env
	ofTrigger *cel.Env
	names     map[string]map[string]int // what trigger conditions may name, by variable
}

func newConditions(p *mapv1.Map) *conditions { return &conditions{p: p} }

// environment returns what conditions may use, with variables of their own.
func (c *conditions) environment(variables ...cel.EnvOption) (*cel.Env, error) {
	if c.base == nil {
		base, err := cel.NewEnv(
			cel.ClearMacros(), cel.Macros(cel.HasMacro), cel.ParserExpressionSizeLimit(conditionSize), cel.ParserRecursionLimit(conditionDepth),
			cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true),
		)
		if err != nil {
			return nil, err
		}
		c.base = base
	}
	return c.base.Extend(variables...)
}

// trigger compiles a condition over an interaction. The error is a sentence.
func (c *conditions) trigger(text string) (*Condition, error) {
	if c.ofTrigger == nil {
		env, err := c.environment(
			cel.Variable("touchpoint", cel.StringType), cel.Variable("channel", cel.StringType), cel.Variable("team", cel.StringType),
			cel.Variable("outcome", cel.StringType), cel.Variable("attributes", cel.MapType(cel.StringType, cel.StringType)),
			cel.Variable("metrics", cel.MapType(cel.StringType, cel.DoubleType)),
		)
		if err != nil {
			return nil, sentenceError{"Conditions cannot be read: " + stopped(err.Error())}
		}
		c.ofTrigger = env
		c.names = map[string]map[string]int{
			"touchpoint": ids(c.p.GetTouchpoints()), "channel": ids(c.p.GetChannels()), "team": ids(c.p.GetTeams()), "outcome": ids(c.p.GetOutcomes()),
			"attributes": ids(c.p.GetAttributes()), "metrics": ids(c.p.GetMetrics()),
		}
	}
	tree, err := compile(c.ofTrigger, text, "variable", keys(c.names))
	if err != nil {
		return nil, err
	}
	if err := c.named(tree); err != nil {
		return nil, err
	}
	return program(c.ofTrigger, tree, text)
}

// item compiles a condition over the answers to questions.
func (c *conditions) item(text string, before []*mapv1.Question) (*Condition, error) {
	var variables []cel.EnvOption
	kinds := map[string]mapv1.QuestionKind{}
	for _, q := range before {
		if !identifier(q.GetId()) {
			continue
		}
		kinds[q.GetId()] = q.GetKind()
		t := cel.IntType
		switch q.GetKind() {
		case mapv1.QuestionKind_QUESTION_KIND_TEXT:
			t = cel.StringType
		case mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, mapv1.QuestionKind_QUESTION_KIND_RANKING:
			t = cel.ListType(cel.IntType)
		}
		variables = append(variables, cel.Variable(q.GetId(), t))
	}
	env, err := c.environment(variables...)
	if err != nil {
		return nil, sentenceError{"Conditions cannot be read: " + stopped(err.Error())}
	}
	tree, err := compile(env, text, "earlier question", keys(kinds))
	if err != nil {
		return nil, err
	}
	out, err := program(env, tree, text)
	if err != nil {
		return nil, err
	}
	out.kinds = kinds
	reads := map[string]struct{}{}
	visit(tree, func(e ast.Expr) {
		if _, is := kinds[e.AsIdent()]; is && e.Kind() == ast.IdentKind {
			reads[e.AsIdent()] = struct{}{}
		}
	})
	out.Reads = slices.Sorted(maps.Keys(reads))
	return out, nil
}

// sentenceError is an error in words for people who write maps.
type sentenceError struct{ text string }

func (e sentenceError) Error() string { return e.text }

// compile reads a condition; what is what its variables are.
func compile(env *cel.Env, text, what string, variables []string) (*cel.Ast, error) {
	tree, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		message, _, _ := strings.Cut(first.Message, " (in container")
		message = strings.TrimPrefix(strings.TrimSpace(message), "Syntax error: ")
		return nil, sentenceError{fmt.Sprintf("The condition cannot be read at %s: %s", position(text, first.Location.Line(), first.Location.Column()), stopped(plain(message, what, variables)))}
	}
	if tree.OutputType() != cel.BoolType {
		return nil, sentenceError{fmt.Sprintf("The condition is of type %s, and neither true nor false.", tree.OutputType())}
	}
	return tree, nil
}

// plain puts what is wrong with a condition into words; what CEL says of the rest is kept.
func plain(message, what string, variables []string) string {
	if name, is := strings.CutPrefix(message, "undeclared reference to '"); is {
		name = strings.TrimSuffix(name, "'")
		return fmt.Sprintf("there is no %s %q.%s", what, name, didYouMean(name, variables))
	}
	if found := regexp.MustCompile(`^found no matching overload for '_?([^_']+)_?' applied to '\((.*)\)'`).FindStringSubmatch(message); found != nil {
		return fmt.Sprintf("%s does not take %s.", found[1], strings.ReplaceAll(found[2], ", ", " and "))
	}
	if strings.Contains(message, "'<EOF>'") {
		return "it ends too early."
	}
	before, _, _ := strings.Cut(message, " expecting {")
	return before
}

func program(env *cel.Env, tree *cel.Ast, text string) (*Condition, error) {
	p, err := env.Program(tree, cel.CostLimit(conditionCost))
	if err != nil {
		return nil, sentenceError{"The condition cannot be read: " + stopped(err.Error())}
	}
	return &Condition{Text: text, program: p}, nil
}

func visit(tree *cel.Ast, f func(ast.Expr)) {
	ast.PreOrderVisit(tree.NativeRep().Expr(), ast.NewExprVisitor(f))
}

// position tells a place in a condition; lines and columns count from 1 and 0.
func position(text string, line, column int) string {
	if strings.Contains(strings.TrimSpace(text), "\n") {
		return fmt.Sprintf("line %d, character %d", line, column+1)
	}
	return fmt.Sprintf("character %d", column+1)
}

func stopped(s string) string {
	if s = strings.TrimSpace(s); strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// identifier reports whether a question's id can stand in a condition: one with - would be a difference.
func identifier(id string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(id) && !slices.Contains([]string{
		"in", "true", "false", "null", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
		"package", "namespace", "return", "var", "void", "while",
	}, id)
}

func ids[T interface{ GetId() string }](things []T) map[string]int {
	out := make(map[string]int, len(things))
	for i, t := range things {
		out[t.GetId()] = i
	}
	return out
}
