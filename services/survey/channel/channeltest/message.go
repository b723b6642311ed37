// Package channeltest holds channels to what the survey service needs of them.
package channeltest

import (
	"fmt"
	"strings"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// Message returns a message of a medium that every channel takes; n tells messages apart.
func Message(medium gate.Medium, n int) *channel.Message {
	link := fmt.Sprintf("https://survey.example/s/canarytoken%04d", n)
	m := &channel.Message{
		ID: channel.ID([16]byte{1, byte(n >> 8), byte(n)}, 0), Medium: medium,
		Contact:  channel.Contact{Name: "Zoë Canary", Email: "zoe.canary@example.net", Phone: "+4915112345678"},
		Language: "en", Subject: "Your experience with Wagtail Bank", Text: "How was the call on 24 November? " + link,
		Link: link, Open: "Answer the questions", Stop: link + "/stop", StopWords: "Send me no more surveys",
		Organisation: "Wagtail Bank",
	}
	if medium != gate.SMS {
		m.Question = &channel.Question{Text: "How likely are you to recommend us?", Low: "not at all", High: "very"}
		for i := range 11 {
			m.Question.Points = append(m.Question.Points, channel.Point{Label: fmt.Sprint(i), Link: fmt.Sprintf("%s?score=%d", link, i)})
		}
	}
	return m
}

// personal are the parts of a message that no error may hold.
func personal(m *channel.Message) []string {
	var all []string
	for _, text := range []string{m.Contact.Name, m.Contact.Email, m.Contact.Phone, m.Link, m.Stop, m.Text} {
		if text != "" {
			all = append(all, text)
		}
	}
	if _, token, ok := strings.Cut(m.Link, "/s/"); ok {
		all = append(all, token)
	}
	for word := range strings.FieldsSeq(m.Contact.Name) {
		if len(word) > 3 { // marks alone are nobody's
			all = append(all, word)
		}
	}
	return all
}

// hostile are messages that try to be more than one, or to be read as something else.
func hostile(medium gate.Medium) map[string]*channel.Message {
	all := map[string]*channel.Message{}
	for i, x := range []struct {
		name string
		set  func(*channel.Message)
	}{
		{"a name with a header", func(m *channel.Message) { m.Contact.Name = "Zoë\r\nBcc: other@example.net\r\n\r\nbody" }},
		{"a name with an address", func(m *channel.Message) { m.Contact.Name = `Zoë" <other@example.net>, "` }},
		{"a name of marks", func(m *channel.Message) { m.Contact.Name = "<script>alert(1)</script>\"'&=?=\x00\x1b[2J" }},
		{"a subject with a header", func(m *channel.Message) { m.Subject = "Hello\nBcc: other@example.net\nX-Injected: yes" }},
		{"a subject with an encoded word", func(m *channel.Message) { m.Subject = "=?utf-8?q?a=0D=0ABcc:_other@example.net?= \u2028Bcc: x" }},
		{"an organisation with a header", func(m *channel.Message) { m.Organisation = "Bank\r\nBcc: other@example.net" }},
		{"a reply name with a header", func(m *channel.Message) { m.ReplyName = "Bank\rBcc: other@example.net" }},
		{"a language with a header", func(m *channel.Message) { m.Language = "en\r\nBcc: other@example.net" }},
		{"an id with a header", func(m *channel.Message) { m.ID = "0-0\r\nBcc: other@example.net" }},
		{"an id with a path", func(m *channel.Message) { m.ID = "../../0-0" }},
		{"an e-mail with a header", func(m *channel.Message) { m.Contact.Email = "zoe@example.net\r\nBcc: other@example.net" }},
		{"an e-mail of two", func(m *channel.Message) { m.Contact.Email = "zoe@example.net,other@example.net" }},
		{"an e-mail with a command", func(m *channel.Message) { m.Contact.Email = "zoe@example.net>\r\nRCPT TO:<other@example.net" }},
		{"no e-mail", func(m *channel.Message) { m.Contact.Email = "zoe" }},
		{"a number with a field", func(m *channel.Message) { m.Contact.Phone = "+4915112345678&To=+4915100000000" }},
		{"no number", func(m *channel.Message) { m.Contact.Phone = "anna" }},
		{"a stop link with a header", func(m *channel.Message) { m.Stop += ">\r\nBcc: other@example.net" }},
		{"a link of script", func(m *channel.Message) { m.Link = "javascript:alert(1)" }},
		{"a text with the end of a mail", func(m *channel.Message) { m.Text = "one\r\n.\r\nMAIL FROM:<x@example.net>\r\n" + m.Link }},
		{"a text of marks", func(m *channel.Message) {
			m.Text = "<img src=https://other.example/x.png> {link} \x00 \xff\xfe " + m.Link
		}},
		{"emoji and right to left", func(m *channel.Message) {
			m.Contact.Name, m.Language, m.Text = "زوي 🙂", "ar", "كيف كانت التجربة؟ 🙂 "+m.Link
		}},
		{"very long", func(m *channel.Message) {
			m.Contact.Name, m.Subject, m.Organisation = strings.Repeat("é", 5000), strings.Repeat("x", 5000), strings.Repeat("ж", 5000)
		}},
	} {
		m := Message(medium, 1000+i)
		x.set(m)
		all[x.name] = m
	}
	return all
}
