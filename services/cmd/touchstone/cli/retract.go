package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/publisher"
)

type retractFlags struct {
	imported, kind, interaction string
	yes                         bool
}

func retractCommand(o *options) *cobra.Command {
	f := &retractFlags{}
	c := &cobra.Command{
		Use:   "retract SOURCE ID | retract --import IMPORT",
		Short: "Take back a fact, or all facts of an import",
		Long: `Take back a fact, or all facts of an import: a retraction of the next version is published for each, and scores are as
if the fact had never been. Facts that something else has corrected since the import stay.`,
		Example: "  touchstone retract -o telecom demo call-1\n  touchstone retract -o airport --import 3f2a91bc04de",
		Args: func(_ *cobra.Command, args []string) error {
			if (f.imported == "") == (len(args) == 2) && len(args) != 1 {
				return nil
			}
			return fmt.Errorf("give SOURCE and ID, or --import")
		},
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		if f.imported != "" {
			return f.whole(ctx, s)
		}
		return f.one(ctx, s, args[0], args[1])
	})
	c.Flags().StringVar(&f.imported, "import", "", "all facts of this import (`id`)")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	c.Flags().StringVar(&f.kind, "kind", "", "interaction, answer or observation, where the id is of several")
	c.Flags().StringVar(&f.interaction, "interaction", "", "of an answer: the `id` of the interaction it is about, or source/id")
	return c
}

// kindOf reads a --kind flag.
func kindOf(v string) (factv1.Kind, error) {
	switch v {
	case "":
		return factv1.Kind_KIND_UNSPECIFIED, nil
	case "interaction":
		return factv1.Kind_KIND_INTERACTION, nil
	case "answer":
		return factv1.Kind_KIND_ANSWER, nil
	case "observation":
		return factv1.Kind_KIND_OBSERVATION, nil
	}
	return 0, failed("--kind is interaction, answer or observation, not %q", v)
}

func interactionOf(v string) *factv1.InteractionRef {
	if v == "" {
		return nil
	}
	if source, id, ok := strings.Cut(v, "/"); ok {
		return &factv1.InteractionRef{Source: source, Id: id}
	}
	return &factv1.InteractionRef{Id: v}
}

func kindName(k factv1.Kind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "KIND_"))
}

// retraction is the next version of a fact, without content.
func retraction(f *factv1.RecordedFact) (*factv1.Fact, error) {
	if f.GetVersion() == math.MaxUint64 {
		return nil, failed("%s of %s has the highest version there is and cannot be taken back", f.GetId(), f.GetSource())
	}
	r := &factv1.Retraction{Kind: f.GetKind()}
	if f.GetAboutId() != "" {
		r.Interaction = &factv1.InteractionRef{Source: f.GetAboutSource(), Id: f.GetAboutId()}
	}
	return &factv1.Fact{Id: f.GetId(), Version: f.GetVersion() + 1, Content: &factv1.Fact_Retraction{Retraction: r}}, nil
}

func (f *retractFlags) one(ctx context.Context, s *session, source, id string) error {
	org, err := s.org(ctx)
	if err != nil {
		return err
	}
	kind, err := kindOf(f.kind)
	if err != nil {
		return err
	}
	found, err := s.scores.GetFact(ctx, &scorev1.GetFactRequest{Organisation: org, Source: source, Id: id, Kind: kind, Interaction: interactionOf(f.interaction)})
	if err != nil {
		return err
	}
	var standing []*factv1.RecordedFact
	for _, story := range found.GetStories() {
		if story.GetCurrent() != nil {
			standing = append(standing, story.GetCurrent())
		}
	}
	switch len(standing) {
	case 0:
		return failed("%s of source %s is not counted in %s: there is nothing to take back", id, source, org)
	case 1:
	default:
		return failed("%s of source %s is the id of %d facts: say which with --kind", id, source, len(standing))
	}
	r, err := retraction(standing[0])
	if err != nil {
		return err
	}
	answer, err := s.ingest.Publish(ctx, &ingestv1.PublishRequest{Organisation: org, Source: source, Facts: []*factv1.Fact{r}})
	if err != nil {
		return err
	}
	for _, result := range answer.GetResults() {
		if result.GetStatus() != ingestv1.Status_STATUS_RECORDED {
			return failed("%s", (&publisher.Refused{Refusal: result.GetRefusal()}).Error())
		}
	}
	return s.say(s.out, "%s %s of source %s is taken back as version %d", kindName(standing[0].GetKind()), id, source, r.GetVersion())
}

// whole takes back an import. All facts are listed before the first is taken back, since that changes the list.
func (f *retractFlags) whole(ctx context.Context, s *session) error {
	org, err := s.org(ctx)
	if err != nil {
		return err
	}
	facts := map[string][]*factv1.Fact{}
	var sources []string
	n := 0
	for token := ""; ; {
		page, err := s.scores.ListFacts(ctx, &scorev1.ListFactsRequest{Organisation: org, ImportId: f.imported, PageSize: 1000, PageToken: token})
		if err != nil {
			return err
		}
		for _, fact := range page.GetFacts() {
			if fact.GetContent() == nil {
				continue // taken back already
			}
			r, err := retraction(fact)
			if err != nil {
				return err
			}
			if facts[fact.GetSource()] == nil {
				sources = append(sources, fact.GetSource())
			}
			facts[fact.GetSource()] = append(facts[fact.GetSource()], r)
			n++
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if n == 0 {
		return failed("import %s of %s has no facts that count: it never was, or is taken back already", f.imported, org)
	}
	question := fmt.Sprintf("take back %s facts of import %s from %s, source %s?", thousands(fmt.Sprint(n)), f.imported, org, list(sources))
	if !f.yes && !s.confirm(question) {
		return failed("nothing was taken back")
	}
	refused := 0
	for _, source := range sources {
		bad, err := s.retractAll(ctx, org, source, f.imported, facts[source])
		if err != nil {
			return err
		}
		refused += bad
	}
	if err := s.say(s.out, "%s facts of import %s are taken back; to import the file again give it a --version above %d",
		thousands(fmt.Sprint(n-refused)), f.imported, highest(facts)); err != nil {
		return err
	}
	if refused > 0 {
		return inPart("%s facts could not be taken back", thousands(fmt.Sprint(refused)))
	}
	return nil
}

func highest(facts map[string][]*factv1.Fact) uint64 {
	var v uint64
	for _, list := range facts {
		for _, f := range list {
			v = max(v, f.GetVersion())
		}
	}
	return v
}

// retractAll publishes retractions as history, as the facts were: taking back an import must not raise an alert either.
func (s *session) retractAll(ctx context.Context, org, source, imported string, facts []*factv1.Fact) (refused int, err error) {
	id := "retract-" + imported
	id = strings.TrimRight(id[:min(len(id), 64)], "-")
	bar := newProgress(s.err, 0)
	defer bar.end()
	rest, done := facts, 0
	next := func(context.Context) (*publisher.Batch, error) {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		n := min(len(rest), publisher.MaxFacts)
		b := &publisher.Batch{Facts: rest[:n]}
		rest = rest[n:]
		return b, nil
	}
	err = s.publish(ctx, publisher.Config{Organisation: org, Source: source, ImportID: id, GiveUp: giveUp}, next, func(b *publisher.Batch, results []*ingestv1.FactResult) error {
		for i, result := range results {
			if result.GetStatus() != ingestv1.Status_STATUS_RECORDED {
				refused++
				bar.clear()
				fmt.Fprintf(s.err, "%s: %s\n", b.Facts[i].GetId(), clean((&publisher.Refused{Refusal: result.GetRefusal()}).Error()))
			}
		}
		done += len(results)
		bar.at(uint64(done), 0)
		return nil
	})
	return refused, err
}

func (s *session) confirm(question string) bool {
	fmt.Fprint(s.err, question+" [y/N] ")
	line, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(s.err)
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
