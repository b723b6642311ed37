package score

import (
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Find returns the definition of an id, else an Invalid error about field that names what there is.
func (c *Catalogue) Find(field, id string) (*Definition, error) {
	if d := c.byID[id]; d != nil {
		return d, nil
	}
	head, rest, dotted := strings.Cut(id, ".")
	if m, ok := c.heads[head]; ok {
		return nil, c.noStatistic(field, m, rest)
	}
	if head == "outcome" && dotted {
		return nil, fault.Field(field, fmt.Sprintf("There is no score %q.%s", id, c.didYouMean(id)),
			"Use outcome.<outcome>.share with one of the outcomes "+listed(c.spec.Outcomes)+".")
	}
	return nil, fault.Field(field, fmt.Sprintf("There is no score %q.%s", id, c.didYouMean(id)), c.whatThereIs())
}

// Match returns the definitions of a pattern, an id or the beginning of ids followed by *, in order.
func (c *Catalogue) Match(field, pattern string) ([]*Definition, error) {
	prefix, wild := strings.CutSuffix(pattern, "*")
	if !wild {
		d, err := c.Find(field, pattern)
		if err != nil {
			return nil, err
		}
		return []*Definition{d}, nil
	}
	var found []*Definition
	for _, d := range c.list {
		if strings.HasPrefix(d.ID, prefix) {
			found = append(found, d)
		}
	}
	if len(found) == 0 {
		return nil, fault.Field(field, fmt.Sprintf("No score begins with %q.%s", prefix, c.didYouMean(prefix)), c.whatThereIs())
	}
	return found, nil
}

func (c *Catalogue) noStatistic(field string, m Measure, name string) error {
	var has []string
	for _, st := range slices.Concat(Statistics(), Shares(m)) {
		why := st.Lacks(m)
		if why == "" {
			has = append(has, st.Name)
		} else if st.Name == name {
			return fault.Field(field, fmt.Sprintf("The %s %q has no %s: %s.", m.noun(), m.ID, name, why), "Use "+m.ID+"."+headline(m)+".")
		}
	}
	if why := lacksCompared(m, name); why != "" {
		return fault.Field(field, fmt.Sprintf("The %s %q has no %s: %s.", m.noun(), m.ID, name, why), "Use "+m.ID+"."+headline(m)+".")
	}
	for _, d := range compared(m, 0) {
		has = append(has, strings.TrimPrefix(d.ID, m.ID+"."))
	}
	if name == "" {
		return fault.Field(field, fmt.Sprintf("The %s %q is not a score by itself.", m.noun(), m.ID), "Add a statistic: "+m.ID+". and one of "+listed(has)+".")
	}
	hint := ""
	if near := Nearest(name, has); near != "" {
		hint = fmt.Sprintf(" Did you mean %q?", m.ID+"."+near)
	}
	return fault.Field(field, fmt.Sprintf("The %s %q has no statistic %q.%s", m.noun(), m.ID, name, hint), "Use one of "+listed(has)+".")
}

// lacksCompared says why a measure has no share by a limit, or no gap, of that name; empty for other names.
func lacksCompared(m Measure, name string) string {
	switch name {
	case "within", "beyond":
		return "only linked metrics with a limit have it"
	case "gap_stated", "gap_last", "gap_history":
		return "the map does not name it in the question's baselines"
	case "gap_felt":
		return "only questions of kind perceived have it"
	}
	return ""
}

func (c *Catalogue) didYouMean(id string) string {
	ids := make([]string, len(c.list))
	for i, d := range c.list {
		ids[i] = d.ID
	}
	if near := Nearest(id, ids); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	// The statistic may be right and the measure mistyped beyond that.
	head, rest, _ := strings.Cut(id, ".")
	names := make([]string, 0, len(c.heads))
	for name := range c.heads {
		names = append(names, name)
	}
	slices.Sort(names)
	if near := Nearest(head, names); near != "" {
		if c.byID[near+"."+rest] != nil {
			near += "." + rest
		}
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

func (c *Catalogue) whatThereIs() string {
	var names []string
	for _, d := range c.list {
		if d.Headline {
			names = append(names, d.ID)
		}
	}
	return "There are " + listed(names) + ", and other statistics of the same measures."
}

// listed joins names, the first dozen of them.
func listed(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	if len(names) == 0 {
		return "(none declared)"
	}
	return strings.Join(names, ", ")
}
