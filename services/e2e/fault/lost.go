package main

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
)

// found is which facts were found after a fault, in which version, and where in the list of facts to go on looking.
type found struct {
	versions map[oracle.Key]uint64
	page     string
}

// acknowledged is the newest acknowledged version of each fact that was not yet found in it.
func (t *trial) acknowledged() map[oracle.Key]uint64 {
	out := map[oracle.Key]uint64{}
	t.journal.Newest(func(k oracle.Key, v *oracle.Version) {
		if known, ok := t.found.versions[k]; !ok || known < v.Version {
			out[k] = v.Version
		}
	})
	return out
}

// lost looks for each of these facts in the ledger, in its acknowledged version or a later one that was on its way. Those
// found before are not looked for again: the comparison of all scores at the end of the round misses none.
func (t *trial) lost(ctx context.Context, acknowledged map[oracle.Key]uint64) error {
	if _, err := t.quiet(ctx); err != nil {
		return err
	}
	if t.found.versions == nil {
		t.found.versions = map[oracle.Key]uint64{}
	}
	there := func(k oracle.Key, version uint64) {
		if v, ok := acknowledged[k]; ok && version >= v {
			t.found.versions[k] = v
			delete(acknowledged, k)
		}
	}
	// The list is in order of first arrival: what is new comes after where the list ended before.
	for token := t.found.page; ; {
		page, err := t.clients.Scores.ListFacts(ctx, &scorev1.ListFactsRequest{Organisation: organisation, PageSize: 1000, PageToken: token})
		if err != nil {
			return fmt.Errorf("listing facts: %w", err)
		}
		for _, f := range page.GetFacts() {
			there(recordedKey(f), f.GetVersion())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
		t.found.page = token
	}
	// What is left came earlier, and was corrected since.
	for k := range acknowledged {
		req := &scorev1.GetFactRequest{Organisation: organisation, Source: k.Source, Id: k.ID, Kind: k.Kind}
		if k.About != "" {
			req.Interaction = &factv1.InteractionRef{Source: k.AboutSource, Id: k.About}
		}
		r, err := t.clients.Scores.GetFact(ctx, req)
		if status.Code(err) == codes.NotFound {
			continue
		}
		if err != nil {
			return fmt.Errorf("asking for a fact: %w", err)
		}
		for _, s := range r.GetStories() {
			for _, d := range s.GetDeliveries() {
				there(k, d.GetVersion())
			}
		}
	}
	if len(acknowledged) == 0 {
		return nil
	}
	errs := []error{fmt.Errorf("%d acknowledged facts are lost", len(acknowledged))}
	for k, v := range acknowledged {
		if errs = append(errs, fmt.Errorf("%v version %d", k, v)); len(errs) > 10 {
			break
		}
	}
	return errors.Join(errs...)
}

func recordedKey(f *factv1.RecordedFact) oracle.Key {
	return oracle.Key{Kind: f.GetKind(), Source: f.GetSource(), ID: f.GetId(), AboutSource: f.GetAboutSource(), About: f.GetAboutId()}
}
