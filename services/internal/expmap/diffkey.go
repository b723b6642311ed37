package expmap

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// keyedThings are the things of a list by what tells them apart.
type keyedThings struct {
	by    map[string]protoreflect.Message
	order []string
}

// keyed keys the things of a list. A key that comes again, which only maps have that were never checked, is numbered.
func keyed(l protoreflect.List) keyedThings {
	k := keyedThings{by: make(map[string]protoreflect.Message, l.Len())}
	for i := range l.Len() {
		m := l.Get(i).Message()
		base := keyOf(m)
		key := base
		for n := 2; k.by[key] != nil; n++ {
			key = fmt.Sprintf("%s (%d)", base, n)
		}
		k.by[key] = m
		k.order = append(k.order, key)
	}
	return k
}

// keyOf is what tells a thing apart from others of its list: its id, or what it is for.
func keyOf(m protoreflect.Message) string {
	switch x := m.Interface().(type) {
	case interface{ GetId() string }:
		return x.GetId()
	case *mapv1.Feed:
		return x.GetSource()
	case *mapv1.FeedRule:
		key := x.GetQueue()
		if key == "" {
			key = "any"
		}
		if d := x.GetDirection(); d != mapv1.Direction_DIRECTION_UNSPECIFIED {
			key += " " + text(protoreflect.ValueOfEnum(d.Number()), m.Descriptor().Fields().ByName("direction"))
		}
		return key
	case *mapv1.Renamed:
		return x.GetFrom()
	case *mapv1.Placement:
		return x.GetParent() + " " + period(x)
	case *mapv1.Target:
		return targetKey(x)
	case *mapv1.CxPart:
		return x.GetScore()
	case *mapv1.SurveyItem:
		return x.GetQuestion()
	case *mapv1.Quota:
		return x.GetAttribute() + "=" + x.GetValue()
	case interface{ GetLanguage() string }: // a wording, theme words, a message's text, what was published
		return x.GetLanguage()
	case *mapv1.Choice:
		return fmt.Sprint(x.GetValue())
	case *mapv1.OpenHours:
		return strings.Join(x.GetDays(), " ") + " " + x.GetFrom() + "–" + x.GetTo()
	default:
		return ""
	}
}

// named is a thing's name for people, "" where it has none.
func named(m protoreflect.Message) string {
	switch x := m.Interface().(type) {
	case interface{ GetName() string }:
		return x.GetName()
	case interface{ GetText() string }:
		return x.GetText()
	case interface{ GetLabel() string }:
		return x.GetLabel()
	case *mapv1.Target:
		return text(protoreflect.ValueOfFloat64(x.GetValue()), m.Descriptor().Fields().ByName("value"))
	case *mapv1.Renamed:
		return "is " + x.GetTo()
	case *mapv1.Quota:
		return fmt.Sprintf("%d answers", x.GetAnswers())
	default:
		return ""
	}
}

// noun is what one thing of a list is called.
func noun(fd protoreflect.FieldDescriptor) string {
	switch fd.Name() {
	case "cx_scores":
		return "CX score"
	case "hours":
		return "hours"
	case "messages":
		return "message template"
	case "words":
		return "words"
	case "published":
		return "published"
	case "quotas":
		return "quota"
	}
	return strings.TrimSuffix(strings.ReplaceAll(string(fd.Name()), "_", " "), "s")
}

// Summary tells changes in a line ("2 touchpoints added, metric hold removed, zone changed"), "nothing" for none.
func Summary(changes []Change) string {
	type group struct{ noun, kind string }
	things := map[group][]string{}
	var order []group
	seen := map[string]bool{}
	for _, c := range changes {
		// What a change within a thing is to the thing is a change of it.
		thing, _, inner := strings.Cut(c.Thing, ", ")
		kind := c.Kind
		if inner || c.Field != "" {
			kind = Changed
		}
		what := nounOf(c.Path)
		id := strings.TrimSpace(strings.TrimPrefix(thing, what))
		if c.Path == "" {
			what, kind = strings.ReplaceAll(c.Field, "_", " "), c.Kind
		}
		g := group{what, kind}
		key := what + " " + id + " " + kind
		if seen[key] {
			continue
		}
		seen[key] = true
		if things[g] == nil {
			order = append(order, g)
		}
		things[g] = append(things[g], id)
	}
	var parts []string
	for _, g := range order {
		switch ids := things[g]; {
		case len(ids) > 1:
			parts = append(parts, fmt.Sprintf("%d %ss %s", len(ids), g.noun, g.kind))
		default:
			parts = append(parts, strings.Join(strings.Fields(g.noun+" "+ids[0]+" "+g.kind), " "))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// nounOf is the noun of the first thing on a path.
func nounOf(path string) string {
	first, _, _ := strings.Cut(path, "[")
	if first, _, _ = strings.Cut(first, "."); first == "" {
		return ""
	}
	fd := (&mapv1.Map{}).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(first))
	if fd == nil || !fd.IsList() {
		return strings.ReplaceAll(first, "_", " ")
	}
	return noun(fd)
}
