// Package genesysconversation reads Genesys Cloud's analytics conversation detail: conversations as one object, several after
// each other, an array, or the answer to a query ({"conversations": [...]}).
//
// A record of ours is one conversation, the whole contact: its sessions share their times (a transferred caller waits once),
// and no session is one leg from the customer's side. Its queue is that of the first ACD session, in order of time. A
// conversation without conversationEnd is in progress and gives nothing; each later answer replaces the one before. Its version
// is the latest time that it bears, in milliseconds: after-contact work and surveys come after the end.
//
//   - Answered: an agent's session has an interaction. Accepting a callback is none; the call that follows is.
//   - Callback: no agent, and a callback was asked for. Abandoned: tAbandon. LeftOther: tFlowOut, or voicemail. Failed: nError.
//     Conversations that met no queue and no agent have no outcome.
//
// All t* are milliseconds. Talk and Hold are the sums of tTalkComplete and tHeldComplete over agents' sessions, and of tTalk
// and tHeld in sessions without them, never of both. Wait is tAcd of the ACD sessions before the first answer, without
// callbacks, where nobody holds the line; Ring is tAlert (tNotResponding where that is missing).
//
// The score of a finished survey (surveyPromoterScore) is an answer about its conversation, under that name.
//
// Not read: names of participants, wrapUpNote, flows and their outcomes, evaluations, resolutions, media statistics, and
// sessions beside the contact (cobrowse, screenshare). Telephone numbers, addresses and externalContactId become the customer.
package genesysconversation

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "genesys-conversation", Title: "Genesys Cloud conversation detail", Parse: parse, Records: records}
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	r := &reader{o: o}
	for line, raw := range r.objects(d.Body, 1) {
		r.unwrap(raw, line)
	}
	return r.Parsed
}

type conversation struct {
	ConversationID                                           lenient.Text `json:"conversationId"`
	ConversationStart, ConversationEnd, OriginatingDirection lenient.Text

	DivisionIDs  lenient.Loose[[]lenient.Text] `json:"divisionIds"`
	Participants []participant
	Surveys      []survey
}

type participant struct {
	Purpose           lenient.Text
	UserID            lenient.Text `json:"userId"`
	ExternalContactID lenient.Text `json:"externalContactId"`
	Sessions          []session
}

type session struct {
	MediaType, MessageType, Direction, ANI, DNIS, AddressFrom, AddressTo lenient.Text

	Metrics  []struct{ Name, Value, EmitDate lenient.Text }
	Segments []struct {
		SegmentStart, SegmentEnd, SegmentType, DisconnectType, WrapUpCode lenient.Text
		QueueID                                                           lenient.Text `json:"queueId"`
	}
}

type survey struct {
	SurveyID                                               lenient.Text `json:"surveyId"`
	SurveyStatus, SurveyPromoterScore, SurveyCompletedDate lenient.Text
}

// conversation reads one conversation.
func (r *reader) conversation(raw []byte, line int) {
	var c conversation
	if err := json.Unmarshal(raw, &c); err != nil {
		r.Problem(line, lenient.Misshapen(err), "This has another shape than in a conversation.", "Send conversations as the system answered.")
		return
	}
	if c.ConversationID == "" {
		r.Problem(line, "conversationId", "A conversation without conversationId.", "Send conversations as the system answered.")
		return
	}
	k := &kept{reader: r, call: lenient.DigestID(c.ConversationID), line: line, fields: map[string]string{}, told: map[string]bool{}}
	start := k.time("conversationStart", c.ConversationStart)
	end := k.time("conversationEnd", c.ConversationEnd)
	switch {
	case k.broken:
		return
	case end.IsZero():
		r.Ignore("conversation in progress")
		return
	case start.IsZero():
		r.Problem(line, "conversationStart", "A conversation without its start.", "Send conversations as the system answered.")
		return
	}
	k.text("originatingDirection", lenient.Text(strings.ToLower(string(c.OriginatingDirection))))
	for _, id := range c.DivisionIDs.Is {
		k.text("divisionId", id)
	}
	k.sum(sessions(k, &c))
	for i, s := range c.Surveys {
		k.survey(i, s)
	}
	k.fields["latest"] = strconv.FormatInt(k.latest.UnixMilli(), 10)
	r.Events = append(r.Events, format.Event{Call: k.call, ID: lenient.Digest(k.fields), Name: "conversation", At: k.latest, Fields: k.fields})
}

// survey reads a customer's answer.
func (k *kept) survey(i int, s survey) {
	score, ok := lenient.Number(s.SurveyPromoterScore)
	switch {
	case s.SurveyPromoterScore == "" || !strings.EqualFold(string(s.SurveyStatus), "Finished"):
		return
	case !ok:
		k.once("surveys.surveyPromoterScore", "This is no number; the answer is not taken.")
		return
	}
	at := k.detail("surveys.surveyCompletedDate", s.SurveyCompletedDate)
	if at.IsZero() {
		at = k.latest
	}
	id := s.SurveyID
	if id == "" {
		id = lenient.Text(k.call + ":survey:" + strconv.Itoa(i+1))
	}
	f := map[string]string{
		"surveyId": lenient.DigestID(id), "surveyPromoterScore": strconv.FormatFloat(score, 'f', -1, 64), "surveyCompletedDate": at.UTC().Format(time.RFC3339Nano),
	}
	k.Events = append(k.Events, format.Event{Call: k.call, ID: lenient.Digest(f), Name: "survey", At: at, Fields: f})
}
