// Package order proves that scores are a function of the set of facts: two instances get the same facts in other orders,
// repeated and with restarts in between, and end in the same state.
package order

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// Options says how much to do.
type Options struct {
	Binary    string
	Dir       string // for the data of both instances
	Histories int
	Seed      uint64
	Every     int // histories between two comparisons of the hashes
	Told      func(format string, args ...any)
}

// Result is what was done.
type Result struct {
	Facts, Deliveries int // facts by identity; deliveries to both instances together
	Restarts          int
	Scores            int // equal to the recount
	Hash              string
}

const organisation = "order"

// side is one of the two instances.
type side struct {
	*instance.Instance
	clients    instance.Clients
	r          *rand.Rand
	restarts   int
	deliveries int
}

// history is every version of the facts of one source.
type history struct {
	source   string
	versions []*factv1.Fact
}

// Run plays the histories into two instances and compares. An error names the history, or the few, in which they parted.
func Run(ctx context.Context, o Options) (res Result, err error) {
	var sides [2]*side
	for i := range sides {
		in, err := instance.New(instance.Options{Binary: o.Binary, Dir: filepath.Join(o.Dir, fmt.Sprintf("order-%d", i))})
		if err != nil {
			return res, err
		}
		sides[i] = &side{Instance: in, clients: in.Clients(), r: rand.New(rand.NewPCG(o.Seed, uint64(i)))}
		defer func() { err = errors.Join(err, in.Close()) }()
		if i > 0 {
			if err := shareKey(sides[0].Dir(), in.Dir()); err != nil {
				return res, err
			}
		}
		if err := sides[i].begin(ctx); err != nil {
			return res, err
		}
	}
	journal := oracle.NewJournal(nil, traffic.Resolutions())
	began := time.Now()
	for done := 0; done < o.Histories; {
		n := min(o.Every, o.Histories-done)
		var list []history
		for k := range n {
			h := made(o.Seed, done+k, began)
			journal.Acknowledged(h.source, h.versions...)
			list = append(list, h)
		}
		g, gctx := errgroup.WithContext(ctx)
		for _, s := range sides {
			g.Go(func() error { return s.play(gctx, list) })
		}
		if err := g.Wait(); err != nil {
			return res, err
		}
		if res.Hash, err = same(ctx, sides); err != nil {
			return res, fmt.Errorf("histories %d to %d of seed %d: %w", done, done+n-1, o.Seed, err)
		}
		done += n
		if o.Told != nil {
			o.Told("%d histories: both instances have the hash %s\n", done, res.Hash)
		}
	}
	res.Facts, _ = journal.Facts()
	for _, s := range sides {
		res.Restarts += s.restarts
		res.Deliveries += s.deliveries
		n, err := journal.Compare(ctx, s.clients.Scores, traffic.Map(organisation), oracle.Stretch{})
		if err != nil {
			return res, fmt.Errorf("scores differ from the recount:\n%w", err)
		}
		res.Scores += n
	}
	return res, nil
}

// made makes a history up: every version once, in the order in which it came to mind.
func made(seed uint64, number int, now time.Time) history {
	life := traffic.NewLife(seed, uint64(number), now)
	life.Settled = true
	h := history{source: fmt.Sprintf("history-%d", number)}
	type version struct {
		k oracle.Key
		v uint64
	}
	known := map[version]bool{}
	r := rand.New(rand.NewPCG(seed, uint64(number)|1<<63))
	for range 5 + r.IntN(60) {
		f := life.Next()
		if v := (version{oracle.KeyOf(h.source, f), f.GetVersion()}); !known[v] {
			known[v] = true
			h.versions = append(h.versions, f)
		}
	}
	return h
}

// shareKey gives an instance the key under which another one hashes customers: those hashes are part of what facts say.
func shareKey(from, to string) error {
	key, err := os.ReadFile(filepath.Join(from, "keys", "customer-hash"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(to, "keys"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "keys", "customer-hash"), key, 0o600)
}

func (s *side) begin(ctx context.Context) error {
	if err := errors.Join(s.Start(ctx), s.Ready(ctx)); err != nil {
		return err
	}
	_, err := s.clients.Maps.ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: traffic.Map(organisation)})
	return err
}

// arranged returns the deliveries of a history: each version up to three times, in an order of the side's own.
func (s *side) arranged(h history) []*factv1.Fact {
	var all []*factv1.Fact
	for _, f := range h.versions {
		for range 1 + s.r.IntN(3) {
			all = append(all, f)
		}
	}
	s.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	switch byVersion := func(a, b *factv1.Fact) int { return int(a.GetVersion()) - int(b.GetVersion()) }; s.r.IntN(3) {
	case 0: // corrections oldest first
		slices.SortStableFunc(all, byVersion)
	case 1: // and newest first
		slices.SortStableFunc(all, func(a, b *factv1.Fact) int { return byVersion(b, a) })
	}
	return all
}

// play publishes the histories, in batches of any size that mix with nothing else, and restarts anywhere.
func (s *side) play(ctx context.Context, list []history) error {
	order := s.r.Perm(len(list))
	for _, i := range order {
		h := list[i]
		for all := s.arranged(h); len(all) > 0; {
			n := min(len(all), 1+s.r.IntN(40))
			if err := s.publish(ctx, h.source, all[:n]); err != nil {
				return err
			}
			all = all[n:]
			if s.r.IntN(200) == 0 {
				if err := s.restart(ctx); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *side) publish(ctx context.Context, source string, facts []*factv1.Fact) error {
	resp, err := s.clients.Ingest.Publish(ctx, &ingestv1.PublishRequest{Organisation: organisation, Source: source, Facts: facts})
	if err != nil {
		return err
	}
	for i, r := range resp.GetResults() {
		if r.GetStatus() != ingestv1.Status_STATUS_RECORDED {
			return fmt.Errorf("%s was refused: %v", facts[i].GetId(), r.GetRefusal())
		}
	}
	s.deliveries += len(facts)
	return nil
}

// restart stops the instance, politely or not, and starts it again.
func (s *side) restart(ctx context.Context) error {
	s.restarts++
	if s.r.IntN(2) == 0 {
		if err := s.Kill(); err != nil {
			return err
		}
	} else if code, err := s.Terminate(20 * time.Second); err != nil || code != 0 {
		return fmt.Errorf("touchstone ended with %d: %w", code, err)
	}
	return errors.Join(s.Start(ctx), s.Ready(ctx))
}

// same verifies both instances and compares their hashes.
func same(ctx context.Context, sides [2]*side) (string, error) {
	var found [2]*adminv1.VerifyResponse
	for i, s := range sides {
		for {
			st, err := s.clients.Admin.GetStatus(ctx, &adminv1.GetStatusRequest{})
			if err != nil {
				return "", err
			}
			if st.GetPosition() >= st.GetStreamLast() {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		v, err := s.clients.Admin.Verify(ctx, &adminv1.VerifyRequest{})
		if err != nil {
			return "", err
		}
		if !v.GetEqual() {
			return "", fmt.Errorf("an instance differs from its own recount: %v", v)
		}
		found[i] = v
	}
	if a, b := found[0], found[1]; a.GetLiveHash() != b.GetLiveHash() {
		return "", fmt.Errorf("other orders of the same facts give other states: %s (%d facts, %d cells) and %s (%d facts, %d cells)",
			a.GetLiveHash(), a.GetFacts(), a.GetCells(), b.GetLiveHash(), b.GetFacts(), b.GetCells())
	}
	return found[0].GetLiveHash(), nil
}
