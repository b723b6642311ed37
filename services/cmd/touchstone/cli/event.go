package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func eventCommand(o *options) *cobra.Command {
	var kind, interaction string
	c := &cobra.Command{
		Use:   "event SOURCE ID",
		Short: "Tell the whole story of one fact",
		Long: `Tell the whole story of one fact: each delivery and what it was, what counts now and where, and each score it moves,
before → after. A fact that is not there may have been refused: then the last refusals of its id are shown, with what to do.`,
		Example: "  touchstone event -o telecom demo call-1",
		Args:    cobra.ExactArgs(2),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			org, err := s.org(ctx)
			if err != nil {
				return err
			}
			k, err := kindOf(kind)
			if kind == "dispute" { // its steps
				k, err = factv1.Kind_KIND_DISPUTE, nil
			}
			if err != nil {
				return err
			}
			found, err := s.scores.GetFact(ctx, &scorev1.GetFactRequest{Organisation: org, Source: args[0], Id: args[1], Kind: k, Interaction: interactionOf(interaction)})
			if status.Code(err) == codes.NotFound || err == nil && len(found.GetStories()) == 0 {
				return s.notFound(ctx, org, args[0], args[1])
			}
			if err != nil {
				return err
			}
			if s.format != "table" {
				return s.emit(deliveries(found), messages(found.GetStories()))
			}
			for _, story := range found.GetStories() {
				if err := s.tell(ctx, args[0], args[1], story); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	c.Flags().StringVar(&kind, "kind", "", "interaction, answer, observation or dispute (whose source is disputes)")
	c.Flags().StringVar(&interaction, "interaction", "", "of an answer: the `id` of the interaction it is about, or source/id")
	return c
}

func (s *session) notFound(ctx context.Context, org, source, id string) error {
	refused, err := s.admin.ListRefused(ctx, &adminv1.ListRefusedRequest{Organisation: org, Source: source, Id: id, Limit: 10})
	if err != nil {
		return failed("%s of source %s is not in %s; whether it was refused cannot be read: %v", id, source, org, readable(err, s.server))
	}
	if len(refused.GetRefused()) == 0 {
		return failed("%s of source %s is not in %s, and no refusal of it is kept: check organisation, source and id; of an answer about an interaction, name that too with --interaction", id, source, org)
	}
	if err := s.emit(refusedSheet(refused.GetRefused(), s.zone(ctx)), messages(refused.GetRefused())); err != nil {
		return err
	}
	return inPart("%s of source %s was refused and is not in %s", id, source, org)
}

var verdicts = map[scorev1.Verdict]string{
	scorev1.Verdict_VERDICT_NEW: "new", scorev1.Verdict_VERDICT_CORRECTION: "correction: replaced the fact",
	scorev1.Verdict_VERDICT_DUPLICATE: "duplicate: changed nothing", scorev1.Verdict_VERDICT_STALE: "stale: a higher version is known",
	scorev1.Verdict_VERDICT_CONFLICT_WON:  "conflict: same version, other content; this one counts",
	scorev1.Verdict_VERDICT_CONFLICT_LOST: "conflict: same version, other content; the other counts",
	scorev1.Verdict_VERDICT_RETRACTION:    "retraction: took the fact back",
}

func (s *session) tell(ctx context.Context, source, id string, story *scorev1.FactStory) error {
	zone := s.zone(ctx)
	kind := story.GetCurrent().GetKind()
	if d := story.GetDeliveries(); kind == 0 && len(d) > 0 {
		kind = d[len(d)-1].GetFact().GetKind()
	}
	if _, err := fmt.Fprintf(s.out, "%s %s of source %s\n", kindName(kind), clean(id), clean(source)); err != nil {
		return err
	}
	metrics := s.metrics(ctx)
	t := &sheet{head: []string{"  received", "version", "stored at", "it was", "said"}}
	for _, d := range story.GetDeliveries() {
		t.add(word("  "+d.GetRecordedAt().AsTime().In(zone).Format("2006-01-02 15:04:05.000")), count(d.GetVersion()), count(d.GetPosition()), word(verdicts[d.GetVerdict()]), word(content(d.GetFact(), zone, metrics)))
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	if err := s.say(s.out, "  now: %s", clean(story.GetCounted())); err != nil {
		return err
	}
	if len(story.GetEffects()) == 0 {
		return nil
	}
	return effects(story.GetEffects()).write(s.out)
}

// metrics returns those of the organisation's map, by id; none where there is no map.
func (s *session) metrics(ctx context.Context) map[string]*mapv1.Metric {
	out := map[string]*mapv1.Metric{}
	if m, err := s.theMap(ctx); err == nil {
		for _, x := range m.GetMetrics() {
			out[x.GetId()] = x
		}
	}
	return out
}

// measured writes a stored value in its metric's unit; where the map has the metric no longer, as it is stored.
func measured(stored int64, m *mapv1.Metric) string {
	if m.GetResolution() == 0 {
		return fmt.Sprint(stored)
	}
	return strconv.FormatFloat(float64(stored)/float64(m.GetResolution()), 'f', -1, 64) + " " + m.GetUnit()
}

// content is what a fact says, in one line. Nothing in it is a customer's.
func content(f *factv1.RecordedFact, zone *time.Location, metrics map[string]*mapv1.Metric) string {
	if f == nil {
		return "(no longer in the stream)"
	}
	var parts []string
	put := func(name, v string) {
		if v != "" {
			parts = append(parts, strings.TrimSpace(name+" "+v))
		}
	}
	at := func(ms int64) string { return time.UnixMilli(ms).In(zone).Format("2006-01-02 15:04:05") }
	switch c := f.GetContent().(type) {
	case *factv1.RecordedFact_Interaction:
		i := c.Interaction
		put("", at(i.GetOccurredAtMs()))
		put("", i.GetTouchpoint())
		put("channel", i.GetChannel())
		put("team", i.GetTeam())
		put("", i.GetOutcome())
		for _, m := range i.GetMetrics() {
			put(m.GetMetric(), measured(m.GetValue(), metrics[m.GetMetric()]))
		}
		for _, a := range i.GetAttributes() {
			put(a.GetKey(), a.GetValue())
		}
	case *factv1.RecordedFact_Answer:
		a := c.Answer
		put(a.GetQuestion(), fmt.Sprint(a.GetValue()))
		put("about interaction", f.GetAboutId())
		if a.GetAboutTimeMs() != 0 {
			put("about", at(a.GetAboutTimeMs()))
		}
		put("", a.GetTouchpoint())
		put("channel", a.GetChannel())
		put("team", a.GetTeam())
	case *factv1.RecordedFact_Observation:
		v := c.Observation
		put(v.GetMetric(), fmt.Sprintf("sum %s of %d", measured(v.GetSum(), metrics[v.GetMetric()]), v.GetN()))
		put("", at(v.GetPeriodStartMs())+" until "+at(v.GetPeriodEndMs()))
		put("", v.GetTouchpoint())
	case *factv1.RecordedFact_Dispute:
		d := c.Dispute
		put("", rulingName(d.GetRuling()))
		put("as", d.GetOwner())
		put("because", or(d.GetRulingReason(), d.GetReason()))
	default:
		put("", "taken back")
	}
	put("import", f.GetImportId())
	return strings.Join(parts, ", ")
}

func deliveries(found *scorev1.GetFactResponse) *sheet {
	t := &sheet{head: []string{"kind", "version", "recorded at", "position", "verdict", "counted"}}
	for _, story := range found.GetStories() {
		for _, d := range story.GetDeliveries() {
			t.add(word(kindName(d.GetFact().GetKind())), count(d.GetVersion()), word(rawTime(d.GetRecordedAt())), count(d.GetPosition()),
				word(strings.ToLower(strings.TrimPrefix(d.GetVerdict().String(), "VERDICT_"))), word(story.GetCounted()))
		}
	}
	return t
}
