package ingest

import (
	"context"
	"fmt"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/feed"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// rehearsedRecords is how many records, and how many problems, a rehearsal tells.
const rehearsedRecords = 1000

// RehearseNative implements the RPC.
func (n *natives) RehearseNative(ctx context.Context, req *ingestv1.RehearseNativeRequest) (*ingestv1.RehearseNativeResponse, error) {
	p, ok := access.PrincipalFrom(ctx)
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "rehearsing needs a key")
	}
	dl := req.GetDelivery()
	org, src, m, fd, err := n.feedOf(p, dl.GetOrganisation(), dl.GetSource())
	if err != nil && (m == nil || req.GetFormat() == "") {
		return nil, err
	}
	if fd == nil {
		fd = feed.Plain(m, src, req.GetFormat())
	}
	name := fd.Format()
	if req.GetFormat() != "" {
		name = req.GetFormat()
	}
	f := n.format(name)
	if f == nil {
		return nil, fault.Field("format", fmt.Sprintf("the format %q is not read here", name), "touchstone formats lists what is read")
	}
	o := n.options(org, fd)
	o.Agent = func(_, name string) string { return name } // nothing is stored, and who brought the names writes rules by them
	parsed, err := parse(f, n.delivery(dl), o)
	if err != nil {
		return nil, err
	}
	return n.rehearsed(f, fd, m, src, parsed, o), nil
}

func (n *natives) rehearsed(f *format.Format, fd *feed.Feed, m *expmap.Map, src string, parsed format.Parsed, o format.Options) *ingestv1.RehearseNativeResponse {
	out := &ingestv1.RehearseNativeResponse{Events: uint32(len(parsed.Events)), Ignored: counted(parsed.Ignored)}
	calls := map[string]bool{}
	for _, e := range parsed.Events {
		calls[e.Call] = true
	}
	records := f.Assemble(parsed.Events, o)
	for i := range records {
		r := &records[i]
		delete(calls, r.Call)
		if i >= rehearsedRecords {
			out.MoreRecords++
			continue
		}
		x := &ingestv1.RehearsedRecord{Id: r.ID, Summary: r.String()}
		if x.Fact, x.Refusal = fd.Fact(r); x.Refusal == nil {
			withoutText(x.Fact)
			x.Refusal = n.rec.rehearse(m, src, x.Fact)
		}
		if x.Refusal != nil {
			x.Fact = nil
		}
		out.Records = append(out.Records, x)
	}
	out.Open = uint32(len(calls))
	for i, x := range parsed.Problems {
		if i >= rehearsedRecords {
			out.MoreProblems++
			continue
		}
		out.Problems = append(out.Problems, problem(x))
	}
	return out
}

// withoutText takes a customer's words out of a fact: they are nobody's to read here, and sealing them would make a key.
func withoutText(f *factv1.Fact) {
	if i := f.GetInteraction(); i != nil {
		i.Note = ""
	}
	if a := f.GetAnswer(); a != nil {
		a.Text = ""
	}
}
