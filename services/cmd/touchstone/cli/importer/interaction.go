package importer

import (
	"sort"

	"gopkg.in/yaml.v3"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

type interactionOf struct {
	id                                 *text
	occurredAt                         *moment
	touchpoint, channel, team, outcome *text
	contactID, customerID, note, agent *text
	metrics                            []metricOf
	attributes                         []attributeOf
	name, email, phone, language       *text
}

type attributeOf struct {
	key   string
	value *text
}

func (p *parser) interaction(n *yaml.Node, path string) builder {
	f := p.fields(n, path, "id", "occurred_at", "touchpoint", "channel", "team", "outcome", "contact_id", "customer_id",
		"metrics", "attributes", "contact", "note", "agent")
	i := &interactionOf{
		id: p.need(f, n, path, "id"), touchpoint: p.need(f, n, path, "touchpoint"),
		channel: p.may(f, path, "channel"), team: p.may(f, path, "team"), outcome: p.may(f, path, "outcome"),
		contactID: p.may(f, path, "contact_id"), customerID: p.may(f, path, "customer_id"), note: p.may(f, path, "note"), agent: p.may(f, path, "agent"),
	}
	if f["occurred_at"] == nil {
		p.fail(n, join(path, "occurred_at"), "is missing", "say when the customer arrived: {format: …, value: …}")
	} else {
		i.occurredAt = p.moment(f["occurred_at"], join(path, "occurred_at"))
	}
	if m := f["metrics"]; m != nil {
		for k, item := range p.list(m, join(path, "metrics")) {
			i.metrics = append(i.metrics, p.metric(item, at(join(path, "metrics"), k)))
		}
	}
	if a := f["attributes"]; a != nil && a.Kind == yaml.MappingNode {
		for k := 0; k+1 < len(a.Content); k += 2 {
			key := a.Content[k].Value
			i.attributes = append(i.attributes, attributeOf{key, p.text(a.Content[k+1], join(path, "attributes."+key))})
		}
		sort.Slice(i.attributes, func(a, b int) bool { return i.attributes[a].key < i.attributes[b].key })
	} else if a != nil {
		p.fail(a, join(path, "attributes"), "expected fields", "write {attribute: {column: NAME}}")
	}
	if c := f["contact"]; c != nil {
		path := join(path, "contact")
		g := p.fields(c, path, "name", "email", "phone", "language")
		i.name, i.email = p.may(g, path, "name"), p.may(g, path, "email")
		i.phone, i.language = p.may(g, path, "phone"), p.may(g, path, "language")
	}
	return i
}

func (i *interactionOf) build(r *rowReader) *factv1.Fact {
	x := &factv1.Interaction{
		OccurredAt: r.time("interaction.occurred_at", i.occurredAt, true),
		Touchpoint: r.required("interaction.touchpoint", i.touchpoint),
		Channel:    r.optional("interaction.channel", i.channel),
		Team:       r.optional("interaction.team", i.team),
		Outcome:    r.optional("interaction.outcome", i.outcome),
		ContactId:  r.optional("interaction.contact_id", i.contactID),
		CustomerId: r.optional("interaction.customer_id", i.customerID),
		Note:       r.optional("interaction.note", i.note),
		Agent:      r.optional("interaction.agent", i.agent),
	}
	for k := range i.metrics {
		if v := i.metrics[k].build(r); v != nil {
			x.Metrics = append(x.Metrics, v)
		}
	}
	for _, a := range i.attributes {
		if v := r.optional("interaction.attributes."+a.key, a.value); v != "" {
			if x.Attributes == nil {
				x.Attributes = map[string]string{}
			}
			x.Attributes[a.key] = v
		}
	}
	contact := &factv1.Contact{
		Name: r.optional("interaction.contact.name", i.name), Email: r.optional("interaction.contact.email", i.email),
		Phone: r.optional("interaction.contact.phone", i.phone), Language: r.optional("interaction.contact.language", i.language),
	}
	if contact.Name != "" || contact.Email != "" || contact.Phone != "" {
		x.Contact = contact
	}
	return &factv1.Fact{Id: r.required("id", i.id), Content: &factv1.Fact_Interaction{Interaction: x}}
}
