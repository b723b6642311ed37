package expmap

import mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"

// KeepsAgents reports whether scores of single agents are kept. Where they are not, facts lose their agent at the edge.
func (m *Map) KeepsAgents() bool {
	return m.Proto.GetAgentScores() == mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER
}

// agentsSwitched says why history is counted again when scores of agents begin or cease to be kept; empty when neither.
func agentsSwitched(old, new *Map) string {
	switch {
	case old.KeepsAgents() == new.KeepsAgents():
		return ""
	case new.KeepsAgents():
		return "Agent scores are switched on: cells of agents are counted; what was recorded without an agent stays without."
	}
	return "Agent scores are switched off: the cells of agents are dropped, and facts lose their agent at the edge from now on."
}
