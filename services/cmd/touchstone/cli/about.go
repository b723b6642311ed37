package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func aboutCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "about CUSTOMER",
		Short: "Tell all that is recorded about a customer",
		Long: `Tell every fact that is recorded about a customer, the oldest first, with its notes and comments in clear. CUSTOMER is
the id by which publishers name them; where sources name them differently, ask by each name. Facts that a later version or
a retraction has replaced are told too: they are recorded, and count nowhere. The log notes that somebody asked.`,
		Example: "  touchstone about -o telecom 4915112345 --format json > export.json",
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		stream, err := ingestv1.NewPersonServiceClient(s.conn).AboutCustomer(ctx, &ingestv1.AboutCustomerRequest{Organisation: org, CustomerId: args[0]})
		if err != nil {
			return err
		}
		var all []*ingestv1.AboutCustomerResponse
		for {
			r, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		if len(all) == 0 {
			if err := s.say(s.err, "nothing is recorded about this customer in %s: is it the id by which publishers name them?", org); err != nil {
				return err
			}
		}
		return s.emit(aboutSheet(all, s.zone(ctx), s.metrics(ctx)), messages(all))
	})
	return c
}

func aboutSheet(all []*ingestv1.AboutCustomerResponse, zone *time.Location, metrics map[string]*mapv1.Metric) *sheet {
	t := &sheet{head: []string{"recorded at", "source", "kind", "id", "version", "about", "touchpoint", "channel", "team", "says", "text", "superseded"}}
	at := func(ms int64) cell {
		if ms == 0 {
			return word("")
		}
		return timeCell(timestamppb.New(time.UnixMilli(ms)), zone)
	}
	for _, r := range all {
		f, superseded := r.GetFact(), word("")
		if r.GetSuperseded() {
			superseded = word("superseded")
		}
		var when cell
		var touchpoint, channel, team string
		switch c := f.GetContent().(type) {
		case *factv1.RecordedFact_Interaction:
			i := c.Interaction
			when, touchpoint, channel, team = at(i.GetOccurredAtMs()), i.GetTouchpoint(), i.GetChannel(), i.GetTeam()
		case *factv1.RecordedFact_Answer:
			a := c.Answer
			when, touchpoint, channel, team = at(a.GetAboutTimeMs()), a.GetTouchpoint(), a.GetChannel(), a.GetTeam()
		}
		text := r.GetText()
		t.add(at(f.GetRecordedAtMs()), word(f.GetSource()), word(kindName(f.GetKind())), word(f.GetId()), count(f.GetVersion()), when,
			word(touchpoint), word(channel), word(team), word(says(f, metrics)), cell{shown: strings.Join(strings.Fields(text), " "), raw: text}, superseded)
	}
	return t
}

// says is what a fact tells beside its time and place.
func says(f *factv1.RecordedFact, metrics map[string]*mapv1.Metric) string {
	var parts []string
	if i := f.GetInteraction(); i != nil {
		if i.GetOutcome() != "" {
			parts = append(parts, i.GetOutcome())
		}
		for _, m := range i.GetMetrics() {
			parts = append(parts, m.GetMetric()+" "+measured(m.GetValue(), metrics[m.GetMetric()]))
		}
		for _, a := range i.GetAttributes() {
			parts = append(parts, a.GetKey()+" "+a.GetValue())
		}
	}
	if a := f.GetAnswer(); a != nil {
		parts = append(parts, fmt.Sprintf("%s %d", a.GetQuestion(), a.GetValue()))
		if f.GetAboutId() != "" {
			parts = append(parts, fmt.Sprintf("of %s of source %s", f.GetAboutId(), f.GetAboutSource()))
		}
	}
	return strings.Join(parts, ", ")
}
