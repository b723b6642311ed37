package expmap

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Enums are written short in YAML: "nps" for QUESTION_KIND_NPS. The unspecified value is written by leaving the field out.

// enumPrefix is what all value names of an enum begin with, as taken from its zero value ("QUESTION_KIND_").
func enumPrefix(d protoreflect.EnumDescriptor) string {
	return strings.TrimSuffix(string(d.Values().ByNumber(0).Name()), "UNSPECIFIED")
}

func shortName(v protoreflect.EnumValueDescriptor, d protoreflect.EnumDescriptor) string {
	return strings.ToLower(strings.TrimPrefix(string(v.Name()), enumPrefix(d)))
}

// shortList returns the short spellings, without the unspecified one.
func shortList(d protoreflect.EnumDescriptor) []string {
	var names []string
	if s := unset(d); s != "" {
		names = append(names, s)
	}
	for i := 0; i < d.Values().Len(); i++ {
		if v := d.Values().Get(i); v.Number() != 0 {
			names = append(names, shortName(v, d))
		}
	}
	return names
}

func shortNames(d protoreflect.EnumDescriptor) string { return strings.Join(shortList(d), ", ") }

// enumByName finds a value by its short or its full spelling, in either case.
func enumByName(d protoreflect.EnumDescriptor, s string) (protoreflect.EnumNumber, bool) {
	if u := unset(d); u != "" && strings.EqualFold(s, u) {
		return 0, true
	}
	for i := 0; i < d.Values().Len(); i++ {
		v := d.Values().Get(i)
		if v.Number() != 0 && (strings.EqualFold(s, string(v.Name())) || strings.EqualFold(s, shortName(v, d))) {
			return v.Number(), true
		}
	}
	return 0, false
}

// unset is how the unspecified value may be written where it has a meaning of its own; "" where it has none.
func unset(d protoreflect.EnumDescriptor) string {
	switch d.FullName() {
	case "touchstone.map.v1.AgentScores":
		return "off"
	case "touchstone.map.v1.SurveyState":
		return "draft"
	case "touchstone.map.v1.ClockBasis":
		return "invited"
	case "touchstone.map.v1.QuarantineEffect":
		return "skip"
	}
	return ""
}
