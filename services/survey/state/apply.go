package state

import (
	"slices"
	"strconv"

	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

const (
	dayMs      = 24 * 3600 * 1000
	remembered = 400 * dayMs // of a person's invitations: the longest clock is a year
	decisions  = 1000        // of a person
)

// decided keeps a decision. There is one for an invitation's id, for ever: whoever decides again, after a crash or twice, changes
// nothing.
func (s *State) decided(org string, id ID, at int64, d *surveyv1.Decided) error {
	k := key(keyInvitation, id)
	if b, err := s.get(k); err != nil || b != nil {
		return err
	}
	customer, known := idOf(d.GetCustomer())
	token, _ := idOf(d.GetToken())
	i := &Invitation{
		Organisation: org, Survey: d.GetSurvey(), Group: d.GetGroup(), Wave: d.GetWave(), Customer: customer,
		Source: d.GetSource(), Interaction: d.GetId(), Context: d.GetContext(), Gate: d.GetGate(), Reason: d.GetReason(),
		Channel: d.GetChannel(), Language: d.GetLanguage(), Zone: d.GetZone(), Contact: d.GetSealedContact(), Token: token,
		MapVersion: d.GetMapVersion(), RemindDays: d.GetRemindDays(), Earlier: d.GetEarlier(), Held: d.GetHeld(),
		Decided: at, OpenUntil: d.GetOpenUntilMs(),
	}
	asked := i.Gate == surveyv1.Gate_GATE_UNSPECIFIED
	if asked {
		i.Due = d.GetDueMs()
		s.set(key(keyToken, token), id[:])
		if i.Held {
			s.set(key(keyHeld, org, i.Wave, id), nothing)
		} else {
			s.set(key(keyDue, i.Due, id), nothing)
		}
		if err := s.count(i, "asked"); err != nil {
			return err
		}
		if i.Wave != "" {
			if err := s.tally(key(keyCount, org, "wave/"+i.Wave+"/asked"), 1); err != nil {
				return err
			}
		}
		if err := s.tally(key(keyCount, org, "budget/"+i.Survey+"/"+d.GetMonth()), 1); err != nil {
			return err
		}
	}
	if err := s.countGate(org, at, i.Survey, i.Gate); err != nil {
		return err
	}
	if known {
		if err := s.person(customer, func(p *Person) {
			if p.Decisions = append(p.Decisions, id); len(p.Decisions) > decisions {
				p.Decisions = p.Decisions[len(p.Decisions)-decisions:]
			}
			if asked {
				p.ask(Asked{Invitation: id, Survey: i.Survey, Group: i.Group, Due: i.Due})
			}
		}); err != nil {
			return err
		}
	}
	return s.put(k, i)
}

var nothing = []byte{}

// ask adds an invitation by its due time, and lets those go that no clock asks for any more.
func (p *Person) ask(a Asked) {
	at, _ := slices.BinarySearchFunc(p.Asked, a.Due, func(x Asked, due int64) int {
		if x.Due <= due {
			return -1
		}
		return 1
	})
	p.Asked = slices.Insert(p.Asked, at, a)
	newest := p.Asked[len(p.Asked)-1].Due
	p.Asked = slices.DeleteFunc(p.Asked, func(x Asked) bool { return max(x.Due, x.Answered) < newest-remembered })
}

func (s *State) person(id ID, change func(*Person)) error {
	k := key(keyPerson, id)
	b, err := s.get(k)
	if err != nil {
		return err
	}
	p, err := decode[Person](b)
	if err != nil {
		return err
	}
	if p == nil {
		p = new(Person)
	}
	change(p)
	return s.put(k, p)
}

// invitation changes one that is known; what is said of another is said of nobody.
func (s *State) invitation(id ID, change func(*Invitation) error) error {
	k := key(keyInvitation, id)
	b, err := s.get(k)
	if err != nil {
		return err
	}
	i, err := decode[Invitation](b)
	if err != nil || i == nil {
		return err
	}
	if err := change(i); err != nil {
		return err
	}
	return s.put(k, i)
}

// unqueue takes out of its place what waits.
func (s *State) unqueue(id ID, i *Invitation) {
	if i.Held {
		s.remove(key(keyHeld, i.Organisation, i.Wave, id))
	} else if i.Due > 0 {
		s.remove(key(keyDue, i.Due, id))
	}
	i.Due, i.Held = 0, false
}

// sent notes an attempt to hand a message over.
func (s *State) sent(id ID, i *Invitation, at int64, e *surveyv1.Sent) error {
	s.unqueue(id, i)
	i.Message, i.Attempts = e.GetMessage(), e.GetAttempt()
	later := func(due int64) {
		i.Due = due
		s.set(key(keyDue, due, id), nothing)
	}
	switch {
	case e.GetFailed() != "" && i.Started > 0: // it was answered meanwhile
		return nil
	case e.GetFailed() != "" && e.GetAgain():
		i.Why = e.GetFailed()
		later(e.GetNextMs())
		return nil
	case e.GetFailed() != "":
		i.Why = e.GetFailed()
		if i.Failed == 0 && i.Sent == 0 { // a reminder that fails takes nothing from what was sent
			i.Failed = at
			return s.count(i, "failed")
		}
		return nil
	case e.GetMessage() > 0:
		i.Reminded, i.Why = at, ""
	case i.Sent == 0:
		i.Sent, i.Why = at, ""
		if phone, ok := idOf(e.GetPhone()); ok && i.Customer != (ID{}) {
			s.set(key(keyPhone, phone, i.Customer), []byte(i.Organisation))
		}
		if err := s.count(i, "sent"); err != nil {
			return err
		}
		if i.RemindDays > 0 && i.Started == 0 && i.Completed == 0 && i.Bounced == 0 {
			if due := at + int64(i.RemindDays)*dayMs; due < i.OpenUntil {
				later(due)
			}
		}
	}
	return s.tally(key(keyCount, i.Organisation, "day/"+e.GetDay()), 1)
}

// delivery notes what a provider told of a message. What arrived can still bounce; what bounced stays so.
func (s *State) delivery(id ID, i *Invitation, at int64, e *surveyv1.Delivery) error {
	switch e.GetState() {
	case surveyv1.InvitationState_INVITATION_STATE_DELIVERED:
		if i.Arrived == 0 && i.Bounced == 0 {
			i.Arrived = at
		}
	case surveyv1.InvitationState_INVITATION_STATE_BOUNCED, surveyv1.InvitationState_INVITATION_STATE_FAILED:
		if i.Bounced > 0 {
			return nil
		}
		i.Bounced, i.Arrived, i.Why = at, 0, e.GetReason()
		s.unqueue(id, i) // nobody is reminded where nothing arrives
		return s.count(i, "bounced")
	}
	return nil
}

// saved keeps answers. A step that was saved already, and whatever comes after the end, changes nothing: of a thousand who send
// the end at once, the first in the log has sent it.
func (s *State) saved(id ID, i *Invitation, at int64, e *surveyv1.Saved) error {
	if i.Gate != surveyv1.Gate_GATE_UNSPECIFIED || e.GetStep() <= i.Step || at >= i.OpenUntil {
		return nil
	}
	if i.Completed > 0 {
		if len(e.GetAnswers()) == 0 && !e.GetFinal() { // the last page asks what one may do with the answers
			i.Step, i.MayQuote, i.MayContact = e.GetStep(), e.GetMayQuote(), e.GetMayContact()
		}
		return nil
	}
	before := *i
	first := i.Started == 0
	i.Step, i.Changed = e.GetStep(), at
	i.AskedIn, i.AskedBy, i.LastSeen, i.Device = e.GetLanguage(), e.GetMapVersion(), e.GetLastSeen(), e.GetDevice()
	i.MayQuote, i.MayContact = e.GetMayQuote(), e.GetMayContact()
	for _, a := range e.GetAnswers() {
		if at := slices.IndexFunc(i.Answers, func(x *surveyv1.SavedAnswer) bool { return x.GetQuestion() == a.GetQuestion() }); at >= 0 {
			i.Answers[at] = a
		} else {
			i.Answers = append(i.Answers, a)
		}
	}
	if first {
		i.Started = at
		s.set(key(keyRecent, i.Organisation, at, id), nothing)
		if err := s.count(i, "started"); err != nil {
			return err
		}
		s.unqueue(id, i) // a reminder never follows an answer
		if i.Customer != (ID{}) {
			if err := s.person(i.Customer, func(p *Person) {
				for k := range p.Asked {
					if p.Asked[k].Invitation == id {
						p.Asked[k].Answered = at
					}
				}
			}); err != nil {
				return err
			}
		}
	}
	if e.GetFinal() {
		i.Completed = at
		if err := s.count(i, "completed"); err != nil {
			return err
		}
		for _, name := range slices.Sorted(attributes(i.Context)) {
			if err := s.tally(key(keyCount, i.Organisation, "quota/"+i.Survey+"/"+e.GetMonth()+"/"+name), 1); err != nil {
				return err
			}
		}
	}
	if err := s.countPlace(&before, i); err != nil {
		return err
	}
	return s.bad(id, i, at, e)
}

func (s *State) wish(org string, e *surveyv1.Wish) error {
	id, ok := idOf(e.GetCustomer())
	if !ok {
		return nil
	}
	return s.person(id, func(p *Person) {
		switch e.GetPreference() {
		case surveyv1.Preference_PREFERENCE_OPTED_OUT:
			p.OptedOut, p.Consented = true, false
		case surveyv1.Preference_PREFERENCE_OPTED_IN:
			p.OptedOut, p.Consented = false, true
		}
	})
}

func (s *State) listed(org string, e *surveyv1.Listed) error {
	if err := s.tally(key(keyCount, org, "listed/"+strconv.Itoa(int(e.GetAudience()))), 1); err != nil { // tells that the list changed
		return err
	}
	if e.GetReplace() {
		if err := s.scan(key(keyMember, org, e.GetAudience()), func(k, _ []byte) bool { s.remove(slices.Clone(k)); return true }); err != nil {
			return err
		}
	}
	for _, m := range e.GetMembers() {
		id, ok := idOf(m.GetCustomer())
		if !ok {
			continue
		}
		if err := s.put(key(keyMember, org, e.GetAudience(), id), &Member{
			Contact: m.GetSealedContact(), Attributes: m.GetAttributes(), Stage: m.GetStage(), Team: m.GetTeam(), Since: m.GetSinceMs(),
			Language: m.GetLanguage(), Zone: m.GetZone(), Reachable: m.GetReachable(),
		}); err != nil {
			return err
		}
	}
	return nil
}

// order does what an operator ordered.
func (s *State) order(org string, at int64, e *surveyv1.Order) error {
	switch {
	case e.GetStop():
		s.meta.Stopped[org] = e.GetKey()
	case e.GetResume():
		delete(s.meta.Stopped, org)
	case e.GetReleaseWave() != "":
		if err := s.tally(key(keyCount, org, "wave/"+e.GetReleaseWave()+"/released"), 1); err != nil {
			return err
		}
		return s.wave(org, e.GetReleaseWave(), func(id ID, i *Invitation) {
			i.Due = max(i.Due, at)
			s.set(key(keyDue, i.Due, id), nothing)
		})
	case e.GetEndWave() != "":
		if err := s.tally(key(keyCount, org, "wave/"+e.GetEndWave()+"/ended"), 1); err != nil {
			return err
		}
		return s.wave(org, e.GetEndWave(), func(_ ID, i *Invitation) {
			i.Gate, i.Reason, i.Due = surveyv1.Gate_GATE_SURVEY, "The wave was ended after its first look.", 0
			s.remove(key(keyToken, i.Token))
		})
	}
	return nil
}

// wave changes those of a wave that are held.
func (s *State) wave(org, wave string, change func(ID, *Invitation)) error {
	prefix := key(keyHeld, org, wave)
	var held []ID
	if err := s.scan(prefix, func(k, _ []byte) bool {
		if id, ok := idOf(k[len(prefix):]); ok {
			held = append(held, id)
		}
		return true
	}); err != nil {
		return err
	}
	for _, id := range held {
		s.remove(append(slices.Clone(prefix), id[:]...))
		if err := s.invitation(id, func(i *Invitation) error {
			i.Held = false
			change(id, i)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// elsewhere lets the clocks count what another tool asked.
func (s *State) elsewhere(at int64, e *surveyv1.Elsewhere) error {
	id, ok := idOf(e.GetCustomer())
	if !ok {
		return nil
	}
	return s.person(id, func(p *Person) {
		if slices.ContainsFunc(p.Asked, func(x Asked) bool { return x.Survey == e.GetSource() && x.Due == at }) {
			return // told again
		}
		p.ask(Asked{Survey: e.GetSource(), Due: at, Answered: at})
	})
}

// attributes are "attribute=value" of a context.
func attributes(c *surveyv1.Context) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k, v := range c.GetAttributes() {
			if !yield(k + "=" + v) {
				return
			}
		}
	}
}
