package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// largestDelivery is what one delivery of native records may hold.
const largestDelivery = 3 << 20

func formatsCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "formats", Short: "List the native formats that are read", Args: cobra.NoArgs}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		list, err := s.native.ListFormats(ctx, &ingestv1.ListFormatsRequest{})
		if err != nil {
			return err
		}
		t := &sheet{head: []string{"format", "what it is", "signed"}}
		for _, f := range list.GetFormats() {
			signed := ""
			if f.GetSigned() {
				signed = "yes"
			}
			t.add(word(f.GetName()), word(f.GetTitle()), word(signed))
		}
		return s.emit(t, messages(list.GetFormats()))
	})
	return c
}

func rehearseCommand(o *options) *cobra.Command {
	var source string
	c := &cobra.Command{
		Use:   "rehearse FORMAT FILE",
		Short: "Say what native records would become; nothing is stored",
		Long: `Say what native records would become by the feed of --source in the current map: which are taken and where they count,
which are refused and why, what is passed by. Nothing is stored. Of a file of more than 3 MiB the beginning is read. Exits
with 2 when something would be refused.`,
		Args: cobra.ExactArgs(2),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		body, cut, err := beginning(args[1])
		if err != nil {
			return err
		}
		answer, err := s.native.RehearseNative(ctx, &ingestv1.RehearseNativeRequest{
			Format: args[0], Delivery: &ingestv1.PublishNativeRequest{Organisation: org, Source: source, Body: body, Origin: args[1]},
		})
		if err != nil {
			return err
		}
		if s.format == "json" {
			return writeJSON(s.out, []proto.Message{answer})
		}
		if cut {
			if err := s.say(s.err, "%s is larger than 3 MiB: this is its beginning", args[1]); err != nil {
				return err
			}
		}
		return s.rehearsed(args[1], answer)
	})
	c.Flags().StringVar(&source, "source", "", "source `id` whose feed holds")
	return c
}

// beginning reads a file, or its first lines where it is too large for one delivery.
func beginning(name string) (body []byte, cut bool, err error) {
	f, err := open(name)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	body = make([]byte, largestDelivery+1)
	n, err := readFull(f, body)
	if err != nil {
		return nil, false, failed("%s cannot be read: %v", name, err)
	}
	if n <= largestDelivery {
		return body[:n], false, nil
	}
	return body[:bytes.LastIndexByte(body[:largestDelivery], '\n')+1], true, nil
}

// group is what came to the same end.
type group struct {
	what, where, example string
	n                    int
}

// rehearsed tells on one screen what records would become. Whatever is left out is said to be.
func (s *session) rehearsed(name string, a *ingestv1.RehearseNativeResponse) error {
	taken, refused := map[string]*group{}, map[string]*group{}
	note := func(groups map[string]*group, what, where, example string) {
		k := what + "\x00" + where
		if groups[k] == nil {
			groups[k] = &group{what: what, where: where, example: example}
		}
		groups[k].n++
	}
	bad := 0
	for _, r := range a.GetRecords() {
		if why := r.GetRefusal(); why != nil {
			bad++
			note(refused, why.GetMessage(), why.GetRemedy(), r.GetSummary())
			continue
		}
		switch f := r.GetFact(); {
		case f.GetAnswer() != nil:
			note(taken, "answers to "+f.GetAnswer().GetQuestion(), f.GetAnswer().GetTouchpoint(), r.GetSummary())
		case f.GetRetraction() != nil:
			note(taken, "taken back", "", r.GetSummary())
		default:
			i := f.GetInteraction()
			note(taken, or(i.GetOutcome(), "interactions without outcome"), i.GetTouchpoint(), r.GetSummary())
		}
	}
	for _, p := range a.GetProblems() {
		note(refused, p.GetMessage(), p.GetRemedy(), fmt.Sprintf("line %d", p.GetLine()))
	}
	bad += len(a.GetProblems()) + int(a.GetMoreProblems())
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s; nothing was stored\n", name, many(int(a.GetEvents()), "event"), many(len(a.GetRecords())+int(a.GetMoreRecords()), "record"))
	fmt.Fprintf(&b, "\nWould be taken\n")
	few(&b, taken, func(g *group) string { return strings.TrimSpace(g.what + "  " + g.where) })
	if len(refused) > 0 {
		fmt.Fprintf(&b, "\nWould be refused\n")
		few(&b, refused, func(g *group) string {
			return strings.TrimSpace(g.what+" "+g.where) + "\n            first: " + g.example
		})
	}
	if n := a.GetOpen(); n > 0 {
		fmt.Fprintf(&b, "\nStill open: %d calls of which nothing can be said yet\n", n)
	}
	if len(a.GetIgnored()) > 0 {
		fmt.Fprintf(&b, "\nPassed by: ")
		names := slices.SortedFunc(maps.Keys(a.GetIgnored()), func(x, y string) int {
			return cmp.Or(cmp.Compare(a.GetIgnored()[y], a.GetIgnored()[x]), strings.Compare(x, y))
		})
		for i, k := range names {
			if i == 8 {
				fmt.Fprintf(&b, " and %d more kinds", len(names)-i)
				break
			}
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%d %s", a.GetIgnored()[k], k)
		}
		b.WriteString("\n")
	}
	if n := a.GetMoreRecords(); n > 0 {
		fmt.Fprintf(&b, "\n%s more records are not shown\n", thousands(fmt.Sprint(n)))
	}
	if _, err := fmt.Fprint(s.out, clean(b.String())); err != nil {
		return err
	}
	if bad > 0 {
		if bad == 1 {
			return inPart("1 record or line would be refused")
		}
		return inPart("%s records or lines would be refused", thousands(fmt.Sprint(bad)))
	}
	return nil
}

// few writes the most frequent groups.
func few(b *strings.Builder, groups map[string]*group, text func(*group) string) {
	all := slices.SortedFunc(maps.Values(groups), func(x, y *group) int {
		return cmp.Or(cmp.Compare(y.n, x.n), strings.Compare(x.what, y.what), strings.Compare(x.where, y.where))
	})
	if len(all) == 0 {
		b.WriteString("  nothing\n")
	}
	const most = 10
	for i, g := range all {
		if i == most {
			n := 0
			for _, rest := range all[i:] {
				n += rest.n
			}
			fmt.Fprintf(b, "  %8s  in %d more kinds\n", thousands(fmt.Sprint(n)), len(all)-i)
			return
		}
		fmt.Fprintf(b, "  %8s  %s\n", thousands(fmt.Sprint(g.n)), text(g))
	}
}
