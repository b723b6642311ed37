package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/compose"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// mostBase is the longest base of links: what follows it fits into the most that a message may have.
const mostBase = 120

func (s *scheduler) link(id state.ID) string { return s.base + "/s/" + s.keys.token(id) }

// send composes a message in the invitation's language and hands it to its channel. phone is the keyed hash of the number of a text message.
func (s *scheduler) send(ctx context.Context, id state.ID, i *state.Invitation, number uint32) (r channel.Receipt, phone []byte, err error) {
	m, err := s.compose(ctx, id, i, number)
	if err != nil {
		return r, nil, err
	}
	via, err := s.via(m.Medium)
	if err != nil {
		return r, nil, err
	}
	once, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r, err = via.Send(once, m)
	if err == nil && m.Medium == gate.SMS {
		hash := s.keys.phone(m.Contact.Phone)
		phone = hash[:]
	}
	return r, phone, err
}

// compose makes a message by the version of the map by which it was decided.
func (s *scheduler) compose(ctx context.Context, id state.ID, i *state.Invitation, number uint32) (*channel.Message, error) {
	by, err := s.atlas.at(ctx, i.Organisation, i.MapVersion)
	if err != nil {
		return nil, err
	}
	survey := by.byID[i.Survey]
	if survey == nil || len(survey.page.Questions) == 0 {
		return nil, fmt.Errorf("version %d of the map has no survey %s", i.MapVersion, i.Survey)
	}
	p := &compose.Parts{
		Invitation: id, Number: int(number), Medium: gate.Medium(i.Channel), Language: i.Language, Template: by.template(survey.proto, i.Language),
		Organisation: survey.page.Organisation, Link: s.link(id) + "?lang=" + i.Language, Stop: s.link(id) + "/stop",
		First: survey.view.Questions[0].Proto,
	}
	if i.Interaction != "" { // else nothing happened that it could speak of
		p.Touchpoint, p.Day = by.name(i.Context.GetTouchpoint()), time.UnixMilli(i.Context.GetAtMs()).In(by.zone)
	}
	if p.Medium != gate.Link {
		c := s.judge.contact(i.Contact)
		if p.Medium == gate.Email && c.GetEmail() == "" || p.Medium == gate.SMS && c.GetPhone() == "" {
			return nil, errors.New("the contact cannot be opened: is keys/survey the one that it was sealed for?")
		}
		p.Contact = channel.Contact{Name: c.GetName(), Email: c.GetEmail(), Phone: c.GetPhone()}
	}
	return s.composer.Message(p)
}

// template is what brings a survey's messages: its own template, else of those that no survey names the first with the language, or
// the first; nil where there is none.
func (c *compiled) template(s *mapv1.Survey, language string) (found *mapv1.MessageTemplate) {
	base, _, _ := strings.Cut(language, "-")
	speaks := func(t *mapv1.MessageText) bool {
		b, _, _ := strings.Cut(t.GetLanguage(), "-")
		return strings.EqualFold(b, base)
	}
	for _, t := range c.proto.GetMessages() {
		if s.GetMessage() != "" {
			if t.GetId() == s.GetMessage() {
				return t
			}
			continue
		}
		if slices.ContainsFunc(c.proto.GetSurveys(), func(x *mapv1.Survey) bool { return x.GetMessage() == t.GetId() }) {
			continue
		}
		if slices.ContainsFunc(t.GetTexts(), speaks) {
			return t
		}
		if found == nil {
			found = t
		}
	}
	return found
}
