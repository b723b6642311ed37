package expmap

import (
	"errors"
	"strings"

	"buf.build/go/protovalidate"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

const (
	idRemedy   = "Use 1 to 64 of a-z, 0-9, - and _, beginning with a letter."
	teamRemedy = "Use 1 to 64 of A-Z, a-z, 0-9, -, _ and ., beginning with a letter."
	zoneRemedy = `Use an IANA zone such as "Europe/Berlin", or leave it out for UTC.`
	// Of zones within a map.
	innerZoneRemedy = `Use an IANA zone such as "Europe/Berlin", or leave it out for the organisation's.`
)

// fieldRules reports what the contract's own field rules refuse.
func fieldRules(p *mapv1.Map) []*mapv1.Problem {
	err := protovalidate.Validate(p)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		// The rules themselves could not be run: refuse rather than let an unchecked map through.
		return []*mapv1.Problem{{Field: "map", Message: sentence("the map cannot be checked: " + err.Error()), Remedy: "Report this as a defect."}}
	}
	problems := make([]*mapv1.Problem, 0, len(invalid.Violations))
	for _, v := range invalid.Violations {
		path := protovalidate.FieldPathString(v.Proto.GetField())
		message, remedy := explainRule(path, v.Proto.GetRuleId(), v.Proto.GetMessage())
		problems = append(problems, &mapv1.Problem{Field: path, Message: message, Remedy: remedy})
	}
	return problems
}

// explainRule puts a broken rule into words a person who writes maps can use.
func explainRule(path, rule, message string) (what, remedy string) {
	last := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case rule == "string.pattern" && strings.HasPrefix(path, "teams["):
		return "This is not a valid team id.", teamRemedy
	case rule == "string.pattern" && last == "organisation":
		return "This is not a valid organisation id.", idRemedy
	case rule == "string.pattern" && last == "source":
		return "This is not a valid source id.", idRemedy
	case rule == "string.pattern":
		return "This is not a valid id.", idRemedy
	case rule == "enum.not_in" && strings.HasPrefix(path, "linked_metrics["):
		return "No kind is given.", linkedRemedy
	case rule == "enum.not_in":
		return "No " + last + " is given.", enumRemedy(last)
	case rule == "enum.defined_only" && strings.HasPrefix(path, "linked_metrics["):
		return "The kind has no known value.", linkedRemedy
	case rule == "enum.defined_only":
		return sentence(last + " has no known value"), enumRemedy(last)
	case rule == "repeated.min_items":
		return sentence(last + " is empty"), "Declare at least one."
	case rule == "repeated.max_items":
		return sentence(last + " is too long: the list " + strings.TrimPrefix(message, "must ")), "Declare fewer."
	case rule == "repeated.unique":
		return sentence(last + " lists one twice"), "Delete one of the two."
	case strings.HasPrefix(rule, "string.") && last == "unit":
		return "The metric has no usable unit.", `Name the unit in which it is read, such as "s", "EUR" or "points".`
	case rule == "string.min_len":
		return sentence(last + " is empty"), "Write it, or delete what it belongs to."
	case last == "weight":
		return "The weight is not above 0.", "Give a weight above 0, such as 1, or delete the part."
	case last == "resolution":
		return "The resolution is not between 1 and 1,000,000.",
			"Give the number of values in one unit: 1000 for seconds kept in milliseconds, 100 for euros in cents, 1 for points."
	}
	return sentence(last + " " + message), "Change the value to fit."
}

// enumRemedy lists the short spellings of the enum field of that name.
func enumRemedy(field string) string {
	switch field {
	case "kind":
		return "Use one of " + shortNames(mapv1.QuestionKind(0).Descriptor()) + "."
	case "boundary":
		return "Use below (exactly at the threshold is not within it) or at_most (it is)."
	case "direction":
		return "Use one of " + shortNames(mapv1.Direction(0).Descriptor()) + ", or leave it out."
	case "better":
		return "Use one of " + shortNames(mapv1.Better(0).Descriptor()) + ", or leave it out."
	case "sign":
		return "Use positive (answers rise with the metric) or negative (they fall when it rises), before you look at the data."
	case "place":
		return "Use front_stage (customers see it) or back_stage (they do not)."
	case "life":
		return "Use one of " + shortNames(mapv1.Life(0).Descriptor()) + ", or leave it out."
	case "facet":
		return "Use one of " + shortNames(mapv1.Facet(0).Descriptor()) + ", or leave it out."
	case "feeling":
		return "Use " + feelingRemedy
	case "audience":
		return "Use one of " + shortNames(mapv1.Audience(0).Descriptor()) + "."
	case "abandons":
		return "Use one of " + shortNames(mapv1.Abandons(0).Descriptor()) + ", or leave it out."
	}
	return "Use a declared value."
}

// sentence begins s with a capital letter and ends it with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
