package state

import (
	"encoding/json"
	"fmt"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

// ID is that of an invitation, a person's keyed hash, or a token's.
type ID [16]byte

// Invitation is one decision about asking, and all that became of it. Times are in milliseconds since 1970 UTC; 0 is never.
type Invitation struct {
	Organisation string              `json:"org"`
	Survey       string              `json:"survey"`
	Group        string              `json:"group,omitempty"`
	Wave         string              `json:"wave,omitempty"`
	Customer     ID                  `json:"customer"`
	Source       string              `json:"source,omitempty"` // of the interaction
	Interaction  string              `json:"interaction,omitempty"`
	Context      *surveyv1.Context   `json:"context,omitempty"`
	Gate         surveyv1.Gate       `json:"gate,omitempty"`
	Reason       string              `json:"reason,omitempty"`
	Channel      mapv1.SurveyChannel `json:"channel,omitempty"`
	Language     string              `json:"language,omitempty"`
	Zone         string              `json:"zone,omitempty"`
	Contact      []byte              `json:"contact,omitempty"` // sealed
	Token        ID                  `json:"token"`             // keyed hash
	MapVersion   uint64              `json:"map,omitempty"`
	RemindDays   uint32              `json:"remind,omitempty"`
	Earlier      uint32              `json:"earlier,omitempty"` // invitations in the 365 days before
	Held         bool                `json:"held,omitempty"`    // waits for its wave to be released

	Decided   int64 `json:"decided"`
	Due       int64 `json:"due,omitempty"` // of the message that waits
	OpenUntil int64 `json:"open,omitempty"`

	Message  uint32 `json:"message,omitempty"` // that waits or was sent last: 0 the invitation, 1 its reminder
	Attempts uint32 `json:"attempts,omitempty"`
	Sent     int64  `json:"sent,omitempty"` // the invitation was handed over
	Reminded int64  `json:"reminded,omitempty"`
	Arrived  int64  `json:"arrived,omitempty"`
	Bounced  int64  `json:"bounced,omitempty"`
	Failed   int64  `json:"failed,omitempty"`
	Why      string `json:"why,omitempty"` // it bounced or failed

	Step       uint32                  `json:"step,omitempty"`
	Started    int64                   `json:"started,omitempty"`
	Changed    int64                   `json:"changed,omitempty"`
	Completed  int64                   `json:"completed,omitempty"`
	Answers    []*surveyv1.SavedAnswer `json:"answers,omitempty"` // the newest of each question, in the order of first answers
	AskedIn    string                  `json:"asked_in,omitempty"`
	AskedBy    uint64                  `json:"asked_by,omitempty"` // version of the map
	LastSeen   string                  `json:"last_seen,omitempty"`
	Device     string                  `json:"device,omitempty"`
	MayQuote   bool                    `json:"may_quote,omitempty"`
	MayContact bool                    `json:"may_contact,omitempty"`

	Todo [][]byte `json:"todo,omitempty"` // keys of what is to be done, or was
}

// State says where an invitation is as of a time.
func (i *Invitation) State(now int64) surveyv1.InvitationState {
	switch {
	case i.Gate != surveyv1.Gate_GATE_UNSPECIFIED:
		return surveyv1.InvitationState_INVITATION_STATE_NOT_ASKED
	case i.Completed > 0:
		return surveyv1.InvitationState_INVITATION_STATE_COMPLETED
	case now >= i.OpenUntil:
		return surveyv1.InvitationState_INVITATION_STATE_EXPIRED
	case i.Started > 0:
		return surveyv1.InvitationState_INVITATION_STATE_STARTED
	case i.Bounced > 0:
		return surveyv1.InvitationState_INVITATION_STATE_BOUNCED
	case i.Failed > 0:
		return surveyv1.InvitationState_INVITATION_STATE_FAILED
	case i.Arrived > 0:
		return surveyv1.InvitationState_INVITATION_STATE_DELIVERED
	case i.Sent > 0:
		return surveyv1.InvitationState_INVITATION_STATE_SENT
	default:
		return surveyv1.InvitationState_INVITATION_STATE_QUEUED
	}
}

// Asked is one invitation in a person's record.
type Asked struct {
	Invitation ID     `json:"id"`
	Survey     string `json:"survey"`
	Group      string `json:"group,omitempty"`
	Due        int64  `json:"due"` // when it is or was to arrive
	Answered   int64  `json:"answered,omitempty"`
}

// Person is what is remembered of one person.
type Person struct {
	OptedOut  bool    `json:"out,omitempty"`
	Consented bool    `json:"in,omitempty"`
	Asked     []Asked `json:"asked,omitempty"` // by due time; of the last 400 days
	// Decisions about them, newest last, asked or not: the last 1,000.
	Decisions []ID `json:"decisions,omitempty"`
}

// Member is one person of an audience.
type Member struct {
	Contact    []byte                `json:"contact,omitempty"` // sealed
	Attributes map[string]string     `json:"attributes,omitempty"`
	Stage      string                `json:"stage,omitempty"`
	Team       string                `json:"team,omitempty"`
	Since      int64                 `json:"since,omitempty"`
	Language   string                `json:"language,omitempty"`
	Zone       string                `json:"zone,omitempty"`
	Reachable  []mapv1.SurveyChannel `json:"reachable,omitempty"`
}

// Todo is a bad answer on which something is to be done.
type Todo struct {
	Organisation string `json:"org"`
	Invitation   ID     `json:"invitation"`
	Survey       string `json:"survey"`
	Rule         string `json:"rule"`
	Question     string `json:"question"`
	Action       string `json:"action"`
	Owner        string `json:"owner"`
	Touchpoint   string `json:"touchpoint,omitempty"`
	Since        int64  `json:"since"`
	Due          int64  `json:"due"`
	DoneAt       int64  `json:"done_at,omitempty"`
	Done         string `json:"done,omitempty"`
	By           string `json:"by,omitempty"` // id of the key that told
}

func decode[T any](b []byte) (*T, error) {
	if b == nil {
		return nil, nil
	}
	x := new(T)
	if err := json.Unmarshal(b, x); err != nil {
		return nil, fmt.Errorf("a record of the survey state is damaged, rebuild it: %w", err)
	}
	return x, nil
}
