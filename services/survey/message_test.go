package survey

import (
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// A survey's own template brings it; else one that is nobody's own, in its language if there is one.
func TestTemplate(t *testing.T) {
	in := func(id string, languages ...string) *mapv1.MessageTemplate {
		m := &mapv1.MessageTemplate{Id: id}
		for _, l := range languages {
			m.Texts = append(m.Texts, &mapv1.MessageText{Language: l, Text: "x"})
		}
		return m
	}
	c := &compiled{proto: &mapv1.Map{
		Messages: []*mapv1.MessageTemplate{in("own", "en", "de"), in("first", "en"), in("second", "pt-BR", "fr")},
		Surveys:  []*mapv1.Survey{{Id: "a", Message: "own"}, {Id: "b"}},
	}}
	for _, x := range []struct{ message, language, want string }{
		{"own", "fr", "own"},
		{"", "en", "first"},
		{"", "de", "first"},
		{"", "fr-CA", "second"},
		{"", "PT", "second"},
		{"gone", "en", ""},
	} {
		if got := c.template(&mapv1.Survey{Message: x.message}, x.language).GetId(); got != x.want {
			t.Errorf("%q in %s: %q, want %q", x.message, x.language, got, x.want)
		}
	}
	if got := (&compiled{proto: &mapv1.Map{}}).template(&mapv1.Survey{}, "en"); got != nil {
		t.Errorf("a map without templates: %v", got)
	}
}
