package state

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Digest is a state in brief: two states are equal exactly when their digests are.
type Digest struct {
	Hash  string            // SHA-256, hex
	Facts uint64            // one per identity
	Cells uint64            // blocks that count anything
	Lines map[string]string // per organisation, touchpoint and breakdown value: digest of its cells, to find differences
}

// Digest hashes all that is counted, written in one canonical form that no order of arrival can change, leaving out the
// fine buckets older than asOf allows.
func (s *State) Digest(asOf time.Time) (Digest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.absorbAll()
	d := Digest{Facts: s.counts.Facts, Lines: map[string]string{}}
	h := sha256.New()
	fmt.Fprintf(h, "touchstone state 1\nfacts %d %016x%016x\n", s.counts.Facts, s.set[0], s.set[1])
	for _, name := range slices.Sorted(maps.Keys(s.orgNames)) {
		o := s.orgNames[name]
		type line struct {
			name string
			sr   *series
		}
		var lines []line
		for _, t := range o.touchpoints {
			for k, sr := range t.series {
				lines = append(lines, line{fmt.Sprintf("%s/%s/%d/%s", name, t.name, k>>32, lineName(s.symbols.name(uint32(k)))), sr})
			}
		}
		slices.SortFunc(lines, func(a, b line) int {
			if a.name < b.name {
				return -1
			}
			return 1
		})
		for _, l := range lines {
			lh := sha256.New()
			n, err := s.digestSeries(lh, l.sr, asOf)
			if err != nil {
				return d, fmt.Errorf("%s: %w", l.name, err)
			}
			if n == 0 {
				continue
			}
			d.Cells += n
			sum := hex.EncodeToString(lh.Sum(nil))
			d.Lines[l.name] = sum
			fmt.Fprintf(h, "%s %s\n", l.name, sum)
		}
	}
	d.Hash = hex.EncodeToString(h.Sum(nil))
	return d, nil
}

// digestSeries writes a series' cells to h, names instead of numbers, sorted, without what is zero.
func (s *State) digestSeries(h hash.Hash, sr *series, asOf time.Time) (cells uint64, err error) {
	var buf []byte
	str := func(x string) {
		buf = binary.AppendUvarint(buf, uint64(len(x)))
		buf = append(buf, x...)
	}
	for t := range tiers {
		bs := &sr.tiers[t]
		first := max(horizon(t, asOf), s.horizons[t])
		for i, bucket := range bs.buckets {
			if bucket < first {
				continue
			}
			b := bs.blocks[i]
			outs := b.outs
			if !b.live {
				if outs, err = decodeBlock(b.enc); err != nil {
					return 0, err
				}
			}
			buf = buf[:0]
			named := map[string]*outcome{}
			for j := range outs {
				named[s.symbols.name(outs[j].sym)] = &outs[j]
			}
			any := false
			for _, name := range slices.Sorted(maps.Keys(named)) {
				o := named[name]
				ms := map[string]*cell.Moments{}
				for j := range o.measures {
					if !o.measures[j].IsZero() {
						ms[s.symbols.name(o.measures[j].sym)] = &o.measures[j].Moments
					}
				}
				if len(ms) == 0 && o.n == 0 && o.simulated == 0 {
					continue
				}
				any = true
				str(name)
				buf = binary.AppendVarint(buf, o.n)
				buf = binary.AppendVarint(buf, o.simulated)
				buf = binary.AppendUvarint(buf, uint64(len(ms)))
				for _, mn := range slices.Sorted(maps.Keys(ms)) {
					str(mn)
					m := measure{Moments: *ms[mn]}
					buf = m.canonical(buf)
				}
			}
			if !any {
				continue
			}
			cells++
			var head [17]byte
			head[0] = byte(t)
			binary.BigEndian.PutUint64(head[1:], uint64(bucket))
			binary.BigEndian.PutUint64(head[9:], uint64(len(buf)))
			h.Write(head[:])
			h.Write(buf)
		}
	}
	return cells, nil
}
