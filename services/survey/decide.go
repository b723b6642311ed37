package survey

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/text/language"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// judge decides about asking persons, by the state and the map.
type judge struct {
	state *state.State
	keys  keys
	clock func() time.Time
	// open opens a sealed contact; what is in it is looked at and kept nowhere.
	open func(sealed []byte) ([]byte, error)
	held *followUp

	// one is held while somebody decides and until that is in the state: two at once would not know of one another.
	one sync.Mutex
}

// question is one person who may be asked about one thing.
type question struct {
	org      string
	id       state.ID
	asked    *asked
	by       *compiled
	customer state.ID // zero where unknown
	source   string
	about    string // id of the interaction
	context  *surveyv1.Context
	contact  []byte          // sealed
	plain    *factv1.Contact // where the caller has it open
	from     time.Time       // the delay counts from here
	forced   bool
	seen     string // why it must not ask again, where that is known already
	wave     string // "exit/2026-12-01"; empty for triggers
}

// overlay is what the same message decided before, and is not in the state yet.
type overlay struct {
	persons map[state.ID]*gate.Person
	decided map[state.ID]bool
	budgets map[string]int // organisation/survey/month → invitations decided
	waves   map[string]int // wave → invitations decided
}

func newOverlay() *overlay {
	return &overlay{persons: map[state.ID]*gate.Person{}, decided: map[state.ID]bool{}, budgets: map[string]int{}, waves: map[string]int{}}
}

// decide passes a question through the gates. It returns nil where it was decided about before: there is one decision, for ever.
func (j *judge) decide(q *question, o *overlay) (*surveyv1.SurveyEvent, error) {
	before, err := j.state.Invitation(q.id)
	if err != nil {
		return nil, err
	}
	if before != nil || o.decided[q.id] {
		return nil, nil
	}
	looked, err := j.looked(q, o)
	if err != nil {
		return nil, err
	}
	e, err := j.judge(q, o)
	if err != nil {
		return nil, err
	}
	if d := e.GetDecided(); q.wave != "" && d.GetGate() == surveyv1.Gate_GATE_UNSPECIFIED {
		d.Held = looked
		o.waves[q.wave]++
	}
	o.decided[q.id] = true
	if d := e.GetDecided(); d.GetGate() == surveyv1.Gate_GATE_UNSPECIFIED {
		o.budgets[q.org+"/"+d.GetSurvey()+"/"+d.GetMonth()]++
		if id, ok := asID(d.GetCustomer()); ok {
			p := o.persons[id]
			p.Asked = append(p.Asked, gate.Asked{Survey: d.GetSurvey(), Group: d.GetGroup(), At: time.UnixMilli(d.GetDueMs())})
			slices.SortStableFunc(p.Asked, func(a, b gate.Asked) int { return a.At.Compare(b.At) })
		}
	}
	return e, nil
}

// firstLook is how many invitations of a wave leave before somebody has looked at them.
const firstLook = 50

// looked tells whether an invitation of a wave waits for somebody's look at the first ones. A wave that was ended asks nobody more.
func (j *judge) looked(q *question, o *overlay) (waits bool, err error) {
	if q.wave == "" {
		return false, nil
	}
	var n [3]int64
	for i, what := range [...]string{"asked", "released", "ended"} {
		if n[i], err = j.state.Count(q.org, "wave/"+q.wave+"/"+what); err != nil {
			return false, err
		}
	}
	if n[2] > 0 {
		q.seen = "The wave was ended after its first look."
	}
	return n[1] == 0 && int(n[0])+o.waves[q.wave] >= firstLook, nil
}

// judge is decide without a look at whether it was done before.
func (j *judge) judge(q *question, o *overlay) (*surveyv1.SurveyEvent, error) {
	now := j.clock()
	contact, opened := q.plain, q.plain != nil
	look := func() {
		if !opened {
			opened = true
			contact = j.contact(q.contact)
		}
	}
	customer := q.customer
	if customer == (state.ID{}) && (len(q.contact) > 0 || opened) {
		// Whoever has no id is known by the address, so that clocks and wishes hold for them too.
		look()
		if address := orElse(contact.GetEmail(), contact.GetPhone()); address != "" {
			customer = j.keys.person(q.org, address)
		}
	}
	person, earlier, err := j.person(customer, now, o)
	if err != nil {
		return nil, err
	}
	month := now.In(q.by.zone).Format("2006-01")
	used, err := j.month(q.org, q.asked.asking.ID, month, o)
	if err != nil {
		return nil, err
	}
	asking := q.asked.asking
	if asking.Held == "" {
		if asking.Held, err = j.held.why(q.org, q.asked.proto); err != nil {
			return nil, err
		}
	}
	c := gate.Case{
		Invitation: q.id, Now: now, Delay: max(q.from.Add(q.asked.delay()).Sub(now), 0), Seen: q.seen, Outcome: q.context.GetOutcome(),
		Attributes: q.context.GetAttributes(), Reachable: []gate.Medium{gate.Email, gate.SMS, gate.Webhook, gate.Link}, Forced: q.forced,
	}
	got := gate.Decide(&asking, &q.by.rules, &c, person, used)
	zone := ""
	if got.Gate == gate.None { // only now is it worth knowing how they can be reached
		look()
		c.Reachable = reachable(contact, customer)
		if z, err := zoneOf(contact.GetZone()); err == nil && contact.GetZone() != "" {
			c.Zone, zone = z, contact.GetZone()
		}
		got = gate.Decide(&asking, &q.by.rules, &c, person, used)
	}
	d := &surveyv1.Decided{
		Survey: asking.ID, Customer: bytesOf(customer), Source: q.source, Id: q.about, Context: q.context, Gate: surveyv1.Gate(got.Gate), Reason: got.Reason,
		MapVersion: q.by.version, Wave: q.wave, Group: asking.Group, Month: month, Earlier: earlier,
	}
	if got.Gate == gate.None {
		token := j.keys.hash(j.keys.token(q.id))
		d.DueMs, d.Channel, d.Language, d.Zone, d.SealedContact = got.Due.UnixMilli(), channelOf(got.Medium), inLanguage(contact.GetLanguage(), q.asked.page.Languages), zone, q.contact
		d.Token, d.OpenUntilMs, d.RemindDays = token[:], got.Due.Add(asking.Open).UnixMilli(), uint32(q.asked.view.RemindDays)
		if got.Medium == gate.Link || got.Medium == gate.Webhook {
			d.RemindDays = 0 // nothing was sent that a reminder could follow
		}
	}
	return &surveyv1.SurveyEvent{AtMs: now.UnixMilli(), Invitation: q.id[:], What: &surveyv1.SurveyEvent_Decided{Decided: d}}, nil
}

// contact opens a contact block. One that cannot be opened reaches nobody.
func (j *judge) contact(sealed []byte) *factv1.Contact {
	c := &factv1.Contact{}
	if len(sealed) == 0 {
		return c
	}
	plain, err := j.open(sealed)
	if err != nil || proto.Unmarshal(plain, c) != nil {
		return &factv1.Contact{}
	}
	return c
}

func reachable(c *factv1.Contact, customer state.ID) (by []gate.Medium) {
	if c.GetEmail() != "" {
		by = append(by, gate.Email)
	}
	if c.GetPhone() != "" {
		by = append(by, gate.SMS)
	}
	if customer != (state.ID{}) { // the organisation's own system knows them by the interaction
		by = append(by, gate.Webhook)
	}
	return by
}

// person returns what is known of a person, with what was decided a moment ago, and their invitations in the 365 days before.
func (j *judge) person(id state.ID, now time.Time, o *overlay) (*gate.Person, uint32, error) {
	p := o.persons[id]
	if p == nil || id == (state.ID{}) {
		p = &gate.Person{}
		if id != (state.ID{}) {
			known, err := j.state.Person(id)
			if err != nil {
				return nil, 0, err
			}
			p.OptedOut, p.Consented = known.OptedOut, known.Consented
			for _, a := range known.Asked {
				x := gate.Asked{Survey: a.Survey, Group: a.Group, At: time.UnixMilli(a.Due)}
				if a.Answered > 0 {
					x.Answered = time.UnixMilli(a.Answered)
				}
				p.Asked = append(p.Asked, x)
			}
			o.persons[id] = p
		}
	}
	earlier := uint32(0)
	for _, a := range p.Asked {
		if a.At.After(now.AddDate(0, 0, -365)) {
			earlier++
		}
	}
	return p, earlier, nil
}

func (j *judge) month(org, survey, month string, o *overlay) (gate.Month, error) {
	n, err := j.state.Count(org, "budget/"+survey+"/"+month)
	if err != nil {
		return gate.Month{}, err
	}
	return gate.Month{
		Invitations: int(n) + o.budgets[org+"/"+survey+"/"+month],
		Answers: func(attribute, value string) int {
			n, err := j.state.Count(org, "quota/"+survey+"/"+month+"/"+attribute+"="+value)
			if err != nil {
				return 0 // the store fails: the fold says so
			}
			return int(n)
		},
	}, nil
}

// inLanguage chooses of a survey's languages the one nearest to a person's; the first for none.
func inLanguage(wanted string, of []string) string {
	tag, err := language.Parse(wanted)
	if wanted == "" || err != nil {
		return of[0]
	}
	tags := make([]language.Tag, len(of))
	for i, l := range of {
		tags[i] = language.Make(l)
	}
	_, at, sure := language.NewMatcher(tags).Match(tag)
	if sure == language.No {
		return of[0]
	}
	return of[at]
}

func asID(b []byte) (state.ID, bool) {
	if len(b) != len(state.ID{}) {
		return state.ID{}, false
	}
	return state.ID(b), true
}

func bytesOf(id state.ID) []byte {
	if id == (state.ID{}) {
		return nil
	}
	return id[:]
}

// followUp holds back surveys whose bad answers are not followed by an action.
type followUp struct {
	state *state.State
	clock func() time.Time

	mu    sync.Mutex
	at    map[string]time.Time // organisation → when rates was made
	rates map[string]map[string]tally
}

type tally struct{ cases, of uint64 }

// followUpFor is how long rates are taken to hold.
const followUpFor = time.Minute

// leastOverdue is the fewest bad answers whose time is over that hold a survey back: of two one says little.
const leastOverdue = 10

func newFollowUp(s *state.State, clock func() time.Time) *followUp {
	return &followUp{state: s, clock: clock, at: map[string]time.Time{}, rates: map[string]map[string]tally{}}
}

// why says why a survey is held back; empty when it is not.
func (f *followUp) why(org string, s *mapv1.Survey) (string, error) {
	if s.GetLeastActionRate() == 0 {
		return "", nil
	}
	t, err := f.of(org, s.GetId())
	if err != nil || t.of < leastOverdue {
		return "", err
	}
	if share := float64(t.cases) / float64(t.of); share < s.GetLeastActionRate() {
		return fmt.Sprintf("%.0f%% of bad answers were followed by an action in time: least %.0f%%.", share*100, s.GetLeastActionRate()*100), nil
	}
	return "", nil
}

// of counts bad answers followed by an action in time, of those whose time is over or that were acted on.
func (f *followUp) of(org, survey string) (tally, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	if at, ok := f.at[org]; !ok || now.Sub(at) > followUpFor || now.Before(at) {
		rates := map[string]tally{}
		if err := f.state.Todo(org, func(t *state.Todo) bool {
			if t.DoneAt == 0 && t.Due > now.UnixMilli() {
				return true
			}
			x, all := rates[t.Survey], rates[""]
			x.of, all.of = x.of+1, all.of+1
			if t.DoneAt > 0 && t.DoneAt <= t.Due {
				x.cases, all.cases = x.cases+1, all.cases+1
			}
			rates[t.Survey], rates[""] = x, all
			return true
		}); err != nil {
			return tally{}, err
		}
		f.at[org], f.rates[org] = now, rates
	}
	return f.rates[org][survey], nil
}

// invite decides about some questions, and returns once the decisions are in the log and the state.
func (j *judge) invite(ctx context.Context, log *journal, org string, all []*question, rest []*surveyv1.SurveyEvent, position uint64) error {
	j.one.Lock()
	defer j.one.Unlock()
	for done := false; !done; {
		var reached int
		if err := log.write(ctx, org, func() (*surveyv1.SurveyBatch, error) {
			b, o, size := &surveyv1.SurveyBatch{}, newOverlay(), 0
			for reached = 0; reached < len(all) && size < batchBytes*3/4; reached++ {
				e, err := j.decide(all[reached], o)
				if err != nil {
					return nil, err
				}
				if e != nil {
					b.Events = append(b.Events, e)
					size += proto.Size(e)
				}
			}
			if reached == len(all) {
				b.Events = append(b.Events, rest...)
				if position > j.state.Decided(org) {
					b.FactPosition = position
				}
			}
			if len(b.GetEvents()) == 0 && b.GetFactPosition() == 0 {
				return nil, nil
			}
			return b, nil
		}); err != nil {
			return err
		}
		all = all[reached:]
		done = len(all) == 0
	}
	return nil
}

// contextOf copies where and when an interaction was.
func contextOf(r *factv1.RecordedInteraction) *surveyv1.Context {
	c := &surveyv1.Context{AtMs: r.GetOccurredAtMs(), Touchpoint: r.GetTouchpoint(), Channel: r.GetChannel(), Team: r.GetTeam(), Outcome: r.GetOutcome()}
	if len(r.GetAttributes()) > 0 {
		c.Attributes = map[string]string{}
		for _, a := range r.GetAttributes() {
			c.Attributes[a.GetKey()] = a.GetValue()
		}
	}
	return c
}
