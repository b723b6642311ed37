package survey

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// service is the SurveyService.
type service struct {
	surveyv1.UnimplementedSurveyServiceServer
	state     *state.State
	atlas     *atlas
	judge     *judge
	log       *journal
	scheduler *scheduler
	answers   *answers
	hasher    *seal.Hasher
	sealer    *seal.Sealer
	held      *followUp
	clock     func() time.Time
	on        bool // messages leave
}

const defaultOrganisation = "default"

// of returns which organisation a request speaks of, and its map.
func (s *service) of(organisation string) (string, *compiled, error) {
	org := orElse(organisation, defaultOrganisation)
	by := s.atlas.current(org)
	if by == nil {
		return "", nil, fault.New(fault.NotFound, "the organisation %q has no map: apply one with `touchstone apply`", org)
	}
	return org, by, nil
}

func (s *service) survey(by *compiled, id string) (*asked, error) {
	a := by.byID[id]
	if a == nil {
		return nil, fault.New(fault.NotFound, "the map has no survey %q: see `touchstone survey list`", id)
	}
	return a, nil
}

func (s *service) customer(org, id string) (out state.ID) {
	if id == "" {
		return out
	}
	var sum [seal.Size]byte
	s.hasher.Hash(&sum, org, seal.Customer, []byte(id))
	return sum
}

func keyOf(ctx context.Context) string {
	p, _ := access.PrincipalFrom(ctx)
	return p.KeyID
}

// ListSurveys implements the RPC.
func (s *service) ListSurveys(_ context.Context, req *surveyv1.ListSurveysRequest) (*surveyv1.ListSurveysResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	c, err := s.cohorts(org, "", "")
	if err != nil {
		return nil, err
	}
	queued, err := s.queued(org)
	if err != nil {
		return nil, err
	}
	out := &surveyv1.ListSurveysResponse{}
	for _, a := range by.surveys {
		x := &surveyv1.SurveyStatus{Survey: a.proto, Queued: queued[a.asking.ID], Sent: c.of(a.asking.ID, "sent"), Completed: c.of(a.asking.ID, "completed")}
		if a.proto.GetState() == mapv1.SurveyState_SURVEY_STATE_ACTIVE {
			if x.Held = a.asking.Held; x.Held == "" {
				if x.Held, err = s.held.why(org, a.proto); err != nil {
					return nil, err
				}
			}
		}
		out.Surveys = append(out.Surveys, x)
	}
	return out, nil
}

// mostQueued is up to how many waiting messages are counted exactly.
const mostQueued = 100_000

// queued counts invitations that wait for their first message, by survey; "" is all of them.
func (s *service) queued(org string) (map[string]uint64, error) {
	due, _, err := s.state.Due(math.MaxInt64, mostQueued)
	if err != nil {
		return nil, err
	}
	out := map[string]uint64{}
	for _, w := range due {
		i, err := s.state.Invitation(w.Invitation)
		if err != nil {
			return nil, err
		}
		if i != nil && i.Organisation == org && i.Sent == 0 {
			out[i.Survey]++
			out[""]++
		}
	}
	return out, nil
}

// Decide implements the RPC.
func (s *service) Decide(_ context.Context, req *surveyv1.DecideRequest) (*surveyv1.DecideResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	x := req.GetInteraction()
	asked := by.surveys
	if req.GetSurvey() != "" {
		a, err := s.survey(by, req.GetSurvey())
		if err != nil {
			return nil, err
		}
		asked = asked[:0:0]
		asked = append(asked, a)
	}
	out := &surveyv1.DecideResponse{}
	for _, a := range asked {
		now := s.clock()
		if req.GetSurvey() == "" && a.proto.GetState() != mapv1.SurveyState_SURVEY_STATE_ACTIVE {
			continue
		}
		if x != nil && !a.triggered(interactionOf(by, x)) {
			if req.GetSurvey() != "" {
				out.Decisions = append(out.Decisions, &surveyv1.Decision{
					Survey: a.asking.ID, Touchpoint: x.GetTouchpoint(), DecidedAt: timestamppb.New(now), Gate: surveyv1.Gate_GATE_SURVEY,
					Reason: "It does not ask after such an interaction.", State: surveyv1.InvitationState_INVITATION_STATE_NOT_ASKED, MapVersion: by.version,
				})
			}
			continue
		}
		q := &question{
			org: org, id: invitation(org, a.asking.ID, "what if", req.GetCustomerId()), asked: a, by: by, customer: s.customer(org, orElse(req.GetCustomerId(), x.GetCustomerId())),
			context: whatIf(x, now), plain: orContact(x.GetContact()), from: now,
		}
		e, err := s.judge.judge(q, newOverlay())
		if err != nil {
			return nil, err
		}
		out.Decisions = append(out.Decisions, decidedOf(q.id, e))
	}
	return out, nil
}

func orContact(c *factv1.Contact) *factv1.Contact {
	if c == nil {
		return &factv1.Contact{}
	}
	return c
}

func whatIf(x *factv1.Interaction, now time.Time) *surveyv1.Context {
	return &surveyv1.Context{AtMs: now.UnixMilli(), Touchpoint: x.GetTouchpoint(), Channel: x.GetChannel(), Team: x.GetTeam(), Outcome: x.GetOutcome(), Attributes: x.GetAttributes()}
}

// Invite implements the RPC.
func (s *service) Invite(ctx context.Context, req *surveyv1.InviteRequest) (*surveyv1.InviteResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	a, err := s.survey(by, req.GetSurvey())
	if err != nil {
		return nil, err
	}
	now := s.clock()
	q := &question{
		org: org, asked: a, by: by, customer: s.customer(org, req.GetCustomerId()), context: &surveyv1.Context{AtMs: now.UnixMilli(), Touchpoint: a.only(by)},
		plain: orContact(req.GetContact()), from: now.Add(-a.delay()), forced: true,
	}
	if ref := req.GetInteraction(); ref != nil {
		if ref.GetSource() == "" {
			return nil, fault.Field("interaction.source", "it is empty", "Name the source that published the interaction.")
		}
		q.source, q.about = ref.GetSource(), ref.GetId()
		q.id = ofInteraction(org, a.asking.ID, q.source, q.about)
	} else {
		q.id = invitation(org, a.asking.ID, "asked", string(q.customer[:]), now.UTC().Format(time.RFC3339Nano))
	}
	if req.GetContact() != nil {
		plain, err := proto.Marshal(req.GetContact())
		if err != nil {
			return nil, err
		}
		if q.contact, err = s.sealer.Contact(plain); err != nil {
			return nil, err
		}
	}
	before, err := s.state.Invitation(q.id)
	if err != nil {
		return nil, err
	}
	if before != nil {
		d := decisionOf(q.id, before, now)
		d.Gate, d.State = surveyv1.Gate_GATE_ONCE, surveyv1.InvitationState_INVITATION_STATE_NOT_ASKED
		d.Reason = fmt.Sprintf("It was decided about on %s.", time.UnixMilli(before.Decided).In(by.zone).Format("2 January 2006"))
		return &surveyv1.InviteResponse{Decision: d}, nil
	}
	if err := s.judge.invite(ctx, s.log, org, []*question{q}, nil, 0); err != nil {
		return nil, err
	}
	i, err := s.state.Invitation(q.id)
	if err != nil {
		return nil, err
	}
	out := &surveyv1.InviteResponse{Decision: decisionOf(q.id, i, now)}
	if i.Gate == surveyv1.Gate_GATE_UNSPECIFIED && gate.Medium(i.Channel) == gate.Link {
		out.Link = s.scheduler.link(q.id)
	}
	return out, nil
}

// only is the one touchpoint that a survey's answers are about where no interaction says so; empty where there are several.
func (a *asked) only(by *compiled) string {
	if t := a.proto.GetWave().GetTouchpoint(); t != "" {
		return t
	}
	if t := a.proto.GetTrigger().GetTouchpoints(); len(t) == 1 {
		return t[0]
	}
	if len(a.view.Questions) > 0 {
		if t := a.view.Questions[0].Proto.GetTouchpoints(); len(t) == 1 {
			return t[0]
		}
	}
	return ""
}

// ExplainCustomer implements the RPC.
func (s *service) ExplainCustomer(_ context.Context, req *surveyv1.ExplainCustomerRequest) (*surveyv1.ExplainCustomerResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	now := s.clock()
	id := s.customer(org, req.GetCustomerId())
	known, err := s.state.Person(id)
	if err != nil {
		return nil, err
	}
	out := &surveyv1.ExplainCustomerResponse{OptedOut: known.OptedOut}
	for n := len(known.Decisions) - 1; n >= 0; n-- {
		i, err := s.state.Invitation(known.Decisions[n])
		if err != nil {
			return nil, err
		}
		if i != nil {
			out.Decisions = append(out.Decisions, decisionOf(known.Decisions[n], i, now))
		}
	}
	person, _, err := s.judge.person(id, now, newOverlay())
	if err != nil {
		return nil, err
	}
	// What a survey would be told that has no clock of its own and waits for as long as it takes.
	any := gate.Asking{Days: 1, Delay: true, Open: 10 * 365 * 24 * time.Hour, Sampling: gate.Sampling{Share: 1}, Media: []gate.Medium{gate.Link}}
	d := gate.Decide(&any, &gate.Rules{Days: by.rules.Days, AYear: by.rules.AYear, Basis: by.rules.Basis, Zone: by.zone, To: 24 * time.Hour},
		&gate.Case{Now: now}, &gate.Person{Asked: person.Asked}, gate.Month{Answers: func(string, string) int { return 0 }})
	if d.Due.After(now) {
		out.FreeAt = timestamppb.New(d.Due)
	}
	return out, nil
}

// SetPreference implements the RPC.
func (s *service) SetPreference(ctx context.Context, req *surveyv1.SetPreferenceRequest) (*surveyv1.SetPreferenceResponse, error) {
	org, _, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	id := s.customer(org, req.GetCustomerId())
	return &surveyv1.SetPreferenceResponse{}, s.tell(ctx, org, &surveyv1.SurveyEvent{What: &surveyv1.SurveyEvent_Wish{
		Wish: &surveyv1.Wish{Customer: id[:], Preference: req.GetPreference(), By: "key"},
	}})
}

// tell writes one event that hangs on nothing.
func (s *service) tell(ctx context.Context, org string, e *surveyv1.SurveyEvent) error {
	e.AtMs = s.clock().UnixMilli()
	return s.log.write(ctx, org, func() (*surveyv1.SurveyBatch, error) {
		return &surveyv1.SurveyBatch{Events: []*surveyv1.SurveyEvent{e}}, nil
	})
}

// GetSending implements the RPC.
func (s *service) GetSending(_ context.Context, req *surveyv1.GetSendingRequest) (*surveyv1.GetSendingResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	return s.sending(org, by)
}

func (s *service) sending(org string, by *compiled) (*surveyv1.GetSendingResponse, error) {
	queued, err := s.queued(org)
	if err != nil {
		return nil, err
	}
	today, err := s.state.Count(org, "day/"+s.clock().In(by.zone).Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	held, err := s.state.Held(org)
	if err != nil {
		return nil, err
	}
	out := &surveyv1.GetSendingResponse{On: s.on, HeldWaves: slices.Sorted(maps.Keys(held)), Queued: queued[""], Today: uint64(today), DailyCap: s.scheduler.dailyCap(by)}
	if key := s.state.Stopped(org); key != "" {
		out.Stopped = "stopped by key " + key
	}
	return out, nil
}

// SetSending implements the RPC.
func (s *service) SetSending(ctx context.Context, req *surveyv1.SetSendingRequest) (*surveyv1.SetSendingResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	if err := s.tell(ctx, org, &surveyv1.SurveyEvent{What: &surveyv1.SurveyEvent_Order{
		Order: &surveyv1.Order{Stop: req.GetStop(), Resume: !req.GetStop(), Key: orElse(keyOf(ctx), "unknown")},
	}}); err != nil {
		return nil, err
	}
	out, err := s.sending(org, by)
	return &surveyv1.SetSendingResponse{Sending: out}, err
}

// decisionOf is a decision as the API tells it.
func decisionOf(id state.ID, i *state.Invitation, now time.Time) *surveyv1.Decision {
	d := &surveyv1.Decision{
		Invitation: hex.EncodeToString(id[:]), Survey: i.Survey, Touchpoint: i.Context.GetTouchpoint(), DecidedAt: timestamppb.New(time.UnixMilli(i.Decided)),
		Gate: i.Gate, Reason: i.Reason, State: i.State(now.UnixMilli()), Channel: i.Channel, Language: i.Language, MapVersion: i.MapVersion,
	}
	if i.Interaction != "" {
		d.Interaction = &factv1.InteractionRef{Source: i.Source, Id: i.Interaction}
	}
	if i.Due > 0 {
		d.DueAt = timestamppb.New(time.UnixMilli(i.Due))
	}
	if i.Why != "" {
		d.Reason = i.Why
	}
	return d
}

// decidedOf is the same of what would be decided.
func decidedOf(id state.ID, e *surveyv1.SurveyEvent) *surveyv1.Decision {
	x := e.GetDecided()
	d := &surveyv1.Decision{
		Invitation: hex.EncodeToString(id[:]), Survey: x.GetSurvey(), Touchpoint: x.GetContext().GetTouchpoint(), DecidedAt: timestamppb.New(time.UnixMilli(e.GetAtMs())),
		Gate: x.GetGate(), Reason: x.GetReason(), State: surveyv1.InvitationState_INVITATION_STATE_NOT_ASKED, Channel: x.GetChannel(), Language: x.GetLanguage(),
		MapVersion: x.GetMapVersion(),
	}
	if x.GetGate() == surveyv1.Gate_GATE_UNSPECIFIED {
		d.DueAt, d.State = timestamppb.New(time.UnixMilli(x.GetDueMs())), surveyv1.InvitationState_INVITATION_STATE_QUEUED
	}
	return d
}

// admin reports whether the caller may read what customers wrote without their consent.
func admin(ctx context.Context) bool {
	p, ok := access.PrincipalFrom(ctx)
	return ok && p.Allows(accessv1.Role_ROLE_ADMIN)
}
