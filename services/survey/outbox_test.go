package survey

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// message is what a file of the outbox holds.
type message struct {
	ID, Medium, Name, Email, Phone, Language, Subject, Link, StopLink, Text string
}

var surveyLink = regexp.MustCompile(`(?m)^https?://\S+/s/[a-z2-7]{26}\?lang=[A-Za-z-]+$`)

// outbox reads the messages that would have been sent, by the times at which they were.
func (k *kit) outbox() (all []message) {
	k.t.Helper()
	files, err := filepath.Glob(filepath.Join(k.dir, "survey", "outbox", "2*"))
	if err != nil {
		k.t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			k.t.Fatal(err)
		}
		if filepath.Ext(name) == ".eml" {
			all = append(all, k.email(b))
			continue
		}
		head, text, _ := strings.Cut(string(b), "\n\n")
		values := map[string]string{}
		for line := range strings.Lines(head) {
			field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			values[field] = value
		}
		all = append(all, message{
			ID: values["id"], Medium: values["medium"], Name: values["name"], Phone: values["phone"], Language: values["language"], Subject: values["subject"],
			Link: values["link"], StopLink: values["stop"], Text: text,
		})
	}
	return all
}

// email reads an e-mail's text for those who read no HTML.
func (k *kit) email(b []byte) message {
	k.t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		k.t.Fatal(err)
	}
	to, err := mail.ParseAddress(m.Header.Get("To"))
	if err != nil {
		k.t.Fatal(err)
	}
	_, about, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		k.t.Fatal(err)
	}
	part, err := multipart.NewReader(m.Body, about["boundary"]).NextPart()
	if err != nil {
		k.t.Fatal(err)
	}
	raw, err := io.ReadAll(part)
	if err != nil {
		k.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), "\r\n", "\n")
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		k.t.Fatal(err)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(m.Header.Get("Message-Id"), "<"), "@")
	return message{
		ID: id, Medium: "email", Name: to.Name, Email: to.Address, Language: m.Header.Get("Content-Language"), Subject: subject,
		Link: surveyLink.FindString(text), StopLink: strings.Trim(m.Header.Get("List-Unsubscribe"), "<>"), Text: text,
	}
}
