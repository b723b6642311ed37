package survey

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// PutAudience implements the RPC. Each piece is on disk before the next is read: a list that breaks off is there as far as it came,
// and the same list put again makes it whole.
func (s *service) PutAudience(stream grpc.ClientStreamingServer[surveyv1.PutAudienceRequest, surveyv1.PutAudienceResponse]) error {
	var org string
	var audience mapv1.Audience
	for first := true; ; first = false {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) && !first {
			break
		}
		if err != nil {
			return err
		}
		if first {
			if org, _, err = s.of(req.GetOrganisation()); err != nil {
				return err
			}
			if audience = req.GetAudience(); audience == mapv1.Audience_AUDIENCE_UNSPECIFIED {
				return fault.Field("audience", "it is none", "Name customers, former customers, lost prospects or employees in the first piece.")
			}
		}
		e := &surveyv1.Listed{Audience: audience, Replace: first && req.GetReplace()}
		for _, m := range req.GetMembers() {
			x, err := s.member(org, m)
			if err != nil {
				return err
			}
			e.Members = append(e.Members, x)
		}
		if err := s.tell(stream.Context(), org, &surveyv1.SurveyEvent{What: &surveyv1.SurveyEvent_Listed{Listed: e}}); err != nil {
			return err
		}
	}
	n := uint64(0)
	if err := s.state.Members(org, audience, func(state.ID, *state.Member) bool { n++; return true }); err != nil {
		return err
	}
	return stream.SendAndClose(&surveyv1.PutAudienceResponse{Members: n})
}

// member hashes and seals what tells who somebody is.
func (s *service) member(org string, m *surveyv1.Member) (*surveyv1.ListedMember, error) {
	id := s.customer(org, m.GetCustomerId())
	x := &surveyv1.ListedMember{
		Customer: id[:], Attributes: m.GetAttributes(), Stage: m.GetStage(), Team: m.GetTeam(), Language: m.GetContact().GetLanguage(), Zone: m.GetContact().GetZone(),
	}
	if m.GetSince() != nil {
		x.SinceMs = m.GetSince().AsTime().UnixMilli()
	}
	if m.GetContact() == nil {
		return x, nil
	}
	for _, by := range reachable(m.GetContact(), state.ID{}) {
		x.Reachable = append(x.Reachable, channelOf(by))
	}
	plain, err := proto.Marshal(m.GetContact())
	if err != nil {
		return nil, err
	}
	x.SealedContact, err = s.sealer.Contact(plain)
	return x, err
}

// ReleaseWave implements the RPC.
func (s *service) ReleaseWave(ctx context.Context, req *surveyv1.ReleaseWaveRequest) (*surveyv1.ReleaseWaveResponse, error) {
	org, _, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	held, err := s.state.Held(org)
	if err != nil {
		return nil, err
	}
	n := held[req.GetWave()]
	if n == 0 {
		return nil, fault.New(fault.NotFound, "no invitations of the wave %q wait for a look: see `touchstone survey list`", req.GetWave())
	}
	o := &surveyv1.Order{ReleaseWave: req.GetWave(), Key: keyOf(ctx)}
	if req.GetEnd() {
		o = &surveyv1.Order{EndWave: req.GetWave(), Key: keyOf(ctx)}
	}
	if err := s.tell(ctx, org, &surveyv1.SurveyEvent{What: &surveyv1.SurveyEvent_Order{Order: o}}); err != nil {
		return nil, err
	}
	return &surveyv1.ReleaseWaveResponse{Invitations: uint64(n)}, nil
}
