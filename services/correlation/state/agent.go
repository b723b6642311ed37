package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// An agent is one more value among a fact's attributes, by the team in which the case was handled, so that who leads a team
// reads what was handled in it and nothing else. Agents are read for four weeks and longer: only their days are kept.

// ByAgent is the breakdown by agent. Its values are those of Agent.
const ByAgent = "agent"

const (
	// agentMark begins an agent's symbol; no id of an attribute begins so.
	agentMark = "@"
	agentSize = 16 // bytes of a keyed hash
)

// Agent is who handled cases in a team.
type Agent struct {
	Team string // empty where the facts name none
	Hash string // keyed hash, 32 hexadecimal digits
}

// Value is that of the breakdown ByAgent.
func (a Agent) Value() string { return a.Team + "/" + a.Hash }

// agent returns the symbol of an agent in a team.
func (s *State) agent(team, hash []byte) uint32 {
	b := append(append(s.scratch.buf[:0], agentMark...), team...)
	b = hex.AppendEncode(append(b, '/'), hash)
	s.scratch.buf = b
	return s.symbols.of(b)
}

func isAgent(symbol string) bool { return strings.HasPrefix(symbol, agentMark) }

// firstTier returns the finest tier that is kept of a breakdown's value.
func (s *State) firstTier(breakdown int, value uint32) Tier {
	if breakdown == byAttribute && isAgent(s.symbols.name(value)) {
		return Day
	}
	return Minute
}

// lineName names a breakdown's value where a digest is told line by line: not even an agent's hash is.
func lineName(symbol string) string {
	if !isAgent(symbol) {
		return symbol
	}
	sum := sha256.Sum256([]byte(symbol))
	return "agent " + hex.EncodeToString(sum[:6])
}

// Agents returns the agents of whom cells are kept in a scope's touchpoints, each with each team, sorted by hash.
func (v *View) Agents(sc Scope) []Agent {
	if v.org == nil {
		return nil
	}
	found := map[Agent]bool{}
	look := func(t *touchpoint) {
		for k := range t.series {
			value, ok := strings.CutPrefix(v.s.symbols.name(uint32(k)), agentMark)
			if k>>32 != byAttribute || !ok {
				continue
			}
			if team, hash, ok := strings.Cut(value, "/"); ok {
				found[Agent{team, hash}] = true
			}
		}
	}
	switch {
	case sc.Touchpoint == "" && sc.Touchpoints == nil:
		for _, t := range v.org.touchpoints {
			look(t)
		}
	default:
		for _, name := range slices.Concat(sc.Touchpoints, []string{sc.Touchpoint}) {
			if t := v.touchpoint(name); t != nil {
				look(t)
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b Agent) int { return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Team, b.Team)) })
}
