package survey

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
)

// message is what brings an invitation or its reminder.
type message struct {
	// ID is the same in every attempt, so that a provider that knows it sends it once.
	ID       string `json:"id"`
	Medium   string `json:"medium"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Language string `json:"language"`
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	Link     string `json:"link"`
	StopLink string `json:"stop_link"`
}

// sender hands messages over. An error is tried again later. It may be called again for a message that it has sent.
type sender interface {
	send(ctx context.Context, m *message) (providerID string, err error)
}

// outbox writes messages into a folder of its owner alone instead of sending them: one file a message, by its id.
type outbox struct{ dir string }

func (o outbox) send(_ context.Context, m *message) (string, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return "", err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", err
	}
	return m.ID, replace(filepath.Join(o.dir, m.ID+".json"), append(b, '\n'))
}
