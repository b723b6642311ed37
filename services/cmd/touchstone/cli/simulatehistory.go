package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/publisher"
	"github.com/touchstone-cx/touchstone/services/simulate"
)

type historyRun struct {
	*session
	organisation string
	state        *ingestv1.Import
	saved        time.Time
	bar          *progress
	refused      uint64
}

func (r *historyRun) save(ctx context.Context) error {
	_, err := r.ingest.SaveImport(ctx, &ingestv1.SaveImportRequest{Organisation: r.organisation, Import: r.state})
	return err
}

// all counts facts where an import of a file counts rows.
func (r *historyRun) all(ctx context.Context, g *simulate.Generator, from, to time.Time) error {
	batches := make(chan *publisher.Batch, 4)
	made := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(batches)
		skip := r.state.GetRowsDone()
		made <- g.History(from, to, func(p []simulate.Publication) error {
			return cut(facts(p, &skip), func(b *publisher.Batch) error {
				select {
				case batches <- b:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
	}()
	err := r.publish(ctx, publisher.Config{Organisation: r.organisation, Source: simulate.Source, ImportID: r.state.GetImportId(), GiveUp: giveUp},
		func(ctx context.Context) (*publisher.Batch, error) {
			select {
			case b, ok := <-batches:
				if !ok {
					return nil, io.EOF
				}
				return b, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		func(b *publisher.Batch, results []*ingestv1.FactResult) error { return r.done(ctx, b, results) })
	r.bar.end()
	cancel()
	if makeErr := <-made; err == nil {
		err = makeErr
	}
	r.state.Complete = err == nil
	saving, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if saveErr := r.save(saving); err == nil {
		err = saveErr
	}
	if err != nil {
		return err
	}
	if err := r.say(r.out, "simulated history of %s: %s facts", r.organisation, thousands(fmt.Sprint(r.state.GetFactsRecorded()))); err != nil {
		return err
	}
	if r.refused > 0 {
		return inPart("%s facts were refused: see touchstone refused %s", thousands(fmt.Sprint(r.refused)), simulate.Source)
	}
	return nil
}

func (r *historyRun) done(ctx context.Context, b *publisher.Batch, results []*ingestv1.FactResult) error {
	good, bad := split(results)
	r.state.RowsDone += uint64(len(results))
	r.state.FactsRecorded += good
	r.state.RowsRefused += bad
	if r.refused == 0 && bad > 0 {
		r.bar.clear()
		fmt.Fprintln(r.err, firstRefusal(b, results))
	}
	r.refused += bad
	r.bar.at(r.state.GetRowsDone(), 0)
	if time.Since(r.saved) > saveEvery {
		r.saved = time.Now()
		return r.save(ctx)
	}
	return nil
}

// facts drops the first skip facts, which an earlier run has published.
func facts(p []simulate.Publication, skip *uint64) []*factv1.Fact {
	drop := min(*skip, uint64(len(p)))
	*skip -= drop
	out := make([]*factv1.Fact, 0, uint64(len(p))-drop)
	for _, one := range p[drop:] {
		out = append(out, one.Fact)
	}
	return out
}

// cut makes batches that are small enough.
func cut(facts []*factv1.Fact, send func(*publisher.Batch) error) error {
	for len(facts) > 0 {
		n, size := 0, 0
		for n < len(facts) && n < publisher.MaxFacts {
			size += batchSize(facts[n : n+1])
			if n > 0 && size > publisher.MaxBytes {
				break
			}
			n++
		}
		if err := send(&publisher.Batch{Facts: facts[:n]}); err != nil {
			return err
		}
		facts = facts[n:]
	}
	return nil
}

func split(results []*ingestv1.FactResult) (recorded, refused uint64) {
	for _, r := range results {
		if r.GetStatus() == ingestv1.Status_STATUS_RECORDED {
			recorded++
		} else {
			refused++
		}
	}
	return recorded, refused
}

func firstRefusal(b *publisher.Batch, results []*ingestv1.FactResult) string {
	for i, r := range results {
		if r.GetStatus() != ingestv1.Status_STATUS_RECORDED {
			return clean(b.Facts[i].GetId() + ": " + (&publisher.Refused{Refusal: r.GetRefusal()}).Error())
		}
	}
	return ""
}
