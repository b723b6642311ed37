package format

import "strings"

// Agent is what an event keeps of who handled its call, in place of a name: what the assembler needs, and nothing by which
// anybody is known where the map keeps no scores of agents.
type Agent struct {
	// Mark tells the agents of one call apart: 16 hexadecimal digits, a keyed hash of call and name. It is the same whatever
	// the map says, and of two calls it ties nothing together.
	Mark string
	// Hash of the name, 32 hexadecimal digits, by which scores of agents are kept; empty where the map keeps none.
	Hash string
	// Team by the feed's rules when the event was read; empty where none fits.
	Team string
}

const (
	agentPrefix = "agent~" // no name that a system writes begins like this and goes on like a token
	agentMark   = 16
	agentHash   = 32
)

// String returns the agent as a token, which ParseAgent reads.
func (a Agent) String() string { return agentPrefix + a.Mark + "~" + a.Hash + "~" + a.Team }

// ParseAgent reads a token; ok is false for other text, as are the plain names in events that were stored before there were
// tokens.
func ParseAgent(text string) (a Agent, ok bool) {
	rest, ok := strings.CutPrefix(text, agentPrefix)
	if !ok {
		return Agent{}, false
	}
	a.Mark, rest, _ = strings.Cut(rest, "~")
	if a.Hash, a.Team, ok = strings.Cut(rest, "~"); !ok || !digits(a.Mark, agentMark) || a.Hash != "" && !digits(a.Hash, agentHash) {
		return Agent{}, false
	}
	return a, true
}

// Identity is what an event's ID may be made of for one of its fields: of an agent the mark alone, so that a repetition is one
// also after the map has changed; of anything else the value itself.
func Identity(value string) string {
	if a, ok := ParseAgent(value); ok {
		return a.Mark
	}
	return value
}

func digits(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }
