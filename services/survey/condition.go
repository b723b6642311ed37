package survey

import (
	"fmt"
	"regexp"
	"slices"

	"cel.dev/cel-go/cel"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/survey/page"
)

// condition is a compiled CEL expression; nil always holds. One that cannot be computed (an answer that was not given, a metric
// that was not measured) does not hold.
type condition struct{ program cel.Program }

// mostSteps bounds the work of one evaluation.
const mostSteps = 10_000

func newCondition(expression string, vars ...cel.EnvOption) (*condition, error) {
	if expression == "" {
		return nil, nil
	}
	env, err := cel.NewEnv(vars...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, fmt.Errorf("the condition %q cannot be read: %w", expression, issues.Err())
	}
	program, err := env.Program(ast, cel.CostLimit(mostSteps))
	if err != nil {
		return nil, err
	}
	return &condition{program}, nil
}

func (c *condition) holds(values map[string]any) bool {
	if c == nil {
		return true
	}
	out, _, err := c.program.Eval(values)
	if err != nil {
		return false
	}
	yes, ok := out.Value().(bool)
	return ok && yes
}

// interactionCondition is one over an interaction.
func interactionCondition(expression string) (*condition, error) {
	return newCondition(expression,
		cel.Variable("touchpoint", cel.StringType), cel.Variable("channel", cel.StringType), cel.Variable("team", cel.StringType),
		cel.Variable("outcome", cel.StringType), cel.Variable("attributes", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("metrics", cel.MapType(cel.StringType, cel.DoubleType)),
	)
}

var identifiers = regexp.MustCompile(`[a-z_][a-z0-9_]*`)

// answersCondition is one over the answers before a question, and which of them it reads.
func answersCondition(expression string, before []*mapv1.Question) (when func(page.Answers) bool, needs []string, err error) {
	var vars []cel.EnvOption
	named := identifiers.FindAllString(expression, -1)
	for _, q := range before {
		if slices.Contains(named, q.GetId()) {
			vars = append(vars, cel.Variable(q.GetId(), cel.DynType))
			needs = append(needs, q.GetId())
		}
	}
	c, err := newCondition(expression, vars...)
	if c == nil || err != nil {
		return nil, nil, err
	}
	return func(a page.Answers) bool {
		values := map[string]any{}
		for _, q := range before {
			given, ok := a[q.GetId()]
			switch {
			case !ok:
			case q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_TEXT:
				values[q.GetId()] = given.Text
			case q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_RANKING:
				values[q.GetId()] = given.Values
			case len(given.Values) > 0:
				values[q.GetId()] = int64(given.Values[0])
			}
		}
		return c.holds(values)
	}, needs, nil
}
