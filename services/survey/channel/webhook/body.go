package webhook

import (
	"encoding/json"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// body is what is sent. Fields are only ever added.
type body struct {
	Type string `json:"type"` // survey.invitation
	Data data   `json:"data"`
}

type data struct {
	ID           string    `json:"id"` // as the header webhook-id: the same for every attempt
	Language     string    `json:"language"`
	Organisation string    `json:"organisation"`
	Contact      contact   `json:"contact"`
	Subject      string    `json:"subject"`
	Text         string    `json:"text"`
	Question     *question `json:"question,omitempty"`
	Link         string    `json:"link"`
	Open         string    `json:"open"` // words of the link
	Stop         string    `json:"stop"` // a POST to it ends all invitations
	StopWords    string    `json:"stop_words"`
}

type contact struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

type question struct {
	Text   string  `json:"text"`
	Low    string  `json:"low,omitempty"`
	High   string  `json:"high,omitempty"`
	Points []point `json:"points"`
}

type point struct {
	Label string `json:"label"`
	Link  string `json:"link"` // opens the survey with this answer chosen
}

func encode(m *channel.Message) ([]byte, error) {
	d := data{
		ID: m.ID, Language: m.Language, Organisation: m.Organisation, Contact: contact(m.Contact), Subject: m.Subject, Text: m.Text,
		Link: m.Link, Open: m.Open, Stop: m.Stop, StopWords: m.StopWords,
	}
	if q := m.Question; q != nil {
		d.Question = &question{Text: q.Text, Low: q.Low, High: q.High, Points: []point{}}
		for _, p := range q.Points {
			d.Question.Points = append(d.Question.Points, point(p))
		}
	}
	return json.Marshal(body{"survey.invitation", d})
}
