package expmap

import (
	"fmt"
	"regexp"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

const attributeValue = `^[A-Za-z0-9._-]{1,64}$`

func (c *checker) attribute(at string, a *mapv1.Attribute) {
	valid := regexp.MustCompile(attributeValue)
	for i, v := range a.GetValues() {
		if !valid.MatchString(v) {
			c.add(fmt.Sprintf("%s.values[%d]", at, i), fmt.Sprintf("The value %q cannot be used.", v), "Use 1 to 64 of A-Z, a-z, 0-9, ., _ and -.")
		}
	}
	c.once(at+".values", "value", a.GetValues())
}

func (c *checker) breakdowns(names []string) {
	for i, s := range names {
		at := fmt.Sprintf("breakdowns[%d]", i)
		b, ok := parseBreakdown(s)
		if !ok {
			c.add(at, fmt.Sprintf("There is no breakdown %q.%s", s, didYouMean(s, []string{"channel", "team"})), "Use channel, team or attribute:<id of a declared attribute>.")
		} else if b.Kind == Segment {
			c.known(at, "attribute", b.Attribute, c.attributes)
		}
	}
	c.once("breakdowns", "breakdown", names)
}

// segment checks that the values of a named group are values of its attribute.
func (c *checker) segment(at string, s *mapv1.Segment) {
	if !c.known(at+".attribute", "attribute", s.GetAttribute(), c.attributes) {
		return
	}
	values := map[string]int{}
	for i, v := range c.p.GetAttributes()[c.attributes[s.GetAttribute()]].GetValues() {
		values[v] = i
	}
	c.once(at+".values", "value", s.GetValues())
	for i, v := range s.GetValues() {
		if !has(values, v) {
			c.add(fmt.Sprintf("%s.values[%d]", at, i), fmt.Sprintf("The attribute %q has no value %q.%s", s.GetAttribute(), v, c.didYouMean(v, values)),
				"Add it to the attribute's values, or correct it.")
		}
	}
}
