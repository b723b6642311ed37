package importer

import (
	"gopkg.in/yaml.v3"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

type answerOf struct {
	id, question, value              *text
	interactionID, interactionSource *text
	aboutTime                        *moment
	touchpoint, channel, team        *text
	customerID, responseID, words    *text
}

func (p *parser) answer(n *yaml.Node, path string) builder {
	f := p.fields(n, path, "id", "question", "value", "interaction", "about_time", "touchpoint", "channel", "team",
		"customer_id", "response_id", "text")
	a := &answerOf{
		id: p.need(f, n, path, "id"), question: p.need(f, n, path, "question"), value: p.need(f, n, path, "value"),
		touchpoint: p.may(f, path, "touchpoint"), channel: p.may(f, path, "channel"), team: p.may(f, path, "team"),
		customerID: p.may(f, path, "customer_id"), responseID: p.may(f, path, "response_id"), words: p.may(f, path, "text"),
	}
	if i := f["interaction"]; i != nil {
		path := join(path, "interaction")
		g := p.fields(i, path, "id", "source")
		a.interactionID = p.need(g, i, path, "id")
		a.interactionSource = p.may(g, path, "source")
	}
	if t := f["about_time"]; t != nil {
		a.aboutTime = p.moment(t, join(path, "about_time"))
	}
	if a.aboutTime == nil && a.interactionID == nil {
		p.fail(n, path, "has neither an interaction nor about_time", "an answer counts when what it is about happened: give one of the two")
	}
	return a
}

func (a *answerOf) build(r *rowReader) *factv1.Fact {
	value, ok := r.whole("answer.value", a.value)
	if !ok {
		if !r.failed {
			r.result.NoValue++
		}
		return nil
	}
	answer := &factv1.Answer{
		Question:   r.required("answer.question", a.question),
		Value:      value,
		AboutTime:  r.time("answer.about_time", a.aboutTime, a.interactionID == nil),
		Touchpoint: r.optional("answer.touchpoint", a.touchpoint),
		Channel:    r.optional("answer.channel", a.channel),
		Team:       r.optional("answer.team", a.team),
		CustomerId: r.optional("answer.customer_id", a.customerID),
		ResponseId: r.optional("answer.response_id", a.responseID),
		Text:       r.optional("answer.text", a.words),
	}
	if a.interactionID != nil {
		// An answer whose row names no interaction stands by its own time.
		if id := r.optional("answer.interaction.id", a.interactionID); id != "" {
			answer.Interaction = &factv1.InteractionRef{Id: id, Source: r.optional("answer.interaction.source", a.interactionSource)}
		}
	}
	return &factv1.Fact{Id: r.required("id", a.id), Content: &factv1.Fact_Answer{Answer: answer}}
}

// need reads a field that the mapping must have.
func (p *parser) need(f map[string]*yaml.Node, n *yaml.Node, path, name string) *text {
	if f[name] == nil {
		p.fail(n, join(path, name), "is missing", "add it")
		return &text{}
	}
	return p.text(f[name], join(path, name))
}

// may reads a field that the mapping may have.
func (p *parser) may(f map[string]*yaml.Node, path, name string) *text {
	if f[name] == nil {
		return nil
	}
	return p.text(f[name], join(path, name))
}
