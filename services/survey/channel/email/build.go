package email

import (
	"html/template"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// Writer makes e-mails of messages. It never changes.
type Writer struct {
	from, replyTo string
	page          *template.Template
}

// NewWriter makes one for a sender's address, and one for replies; empty for the sender's.
func NewWriter(from, replyTo string) (*Writer, error) {
	t, err := template.ParseFS(pageFile, "page.html")
	if err != nil {
		return nil, err
	}
	if !bare(from) {
		return nil, fault.Field("from", "no e-mail address", addressRemedy)
	}
	if replyTo != "" && !bare(replyTo) {
		return nil, fault.Field("reply_to", "no e-mail address", addressRemedy)
	}
	return &Writer{from, replyTo, t}, nil
}

const addressRemedy = "Write it as surveys@example.org, without a name."

// Write writes a message as it would be sent.
func (e *Writer) Write(w io.Writer, m *channel.Message, at time.Time) error {
	msg, err := e.build(m, at)
	if err != nil {
		return err
	}
	if _, err := msg.WriteTo(w); err != nil {
		return channel.Later("The e-mail could not be written.")
	}
	return nil
}

// build makes the e-mail. What stands in its head is one line each, so that no value begins another.
func (e *Writer) build(m *channel.Message, at time.Time) (*mail.Msg, error) {
	if !bare(m.Contact.Email) {
		return nil, channel.Refused("The e-mail address is none.")
	}
	msg := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	if err := msg.FromFormat(line(m.Sender()), e.from); err != nil {
		return nil, channel.Later("The sender's address is none.")
	}
	if err := msg.AddToFormat(line(m.Contact.Name), m.Contact.Email); err != nil {
		return nil, channel.Refused("The e-mail address is none.")
	}
	if e.replyTo != "" {
		if err := msg.ReplyToFormat(line(m.Sender()), e.replyTo); err != nil {
			return nil, channel.Later("The address for replies is none.")
		}
	}
	msg.Subject(line(m.Subject))
	msg.SetDateWithValue(at)
	msg.SetMessageIDWithValue(messageID(m, e.from))
	// No machine answers it (RFC 3834), no list is one (RFC 2369), and one click ends it (RFC 8058).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("Content-Language", tag(m.Language))
	if m.Stop != "" {
		if !link(m.Stop) {
			return nil, channel.Refused("The link by which invitations end is none.")
		}
		msg.SetGenHeaderPreformatted("List-Unsubscribe", "<"+m.Stop+">")
		if strings.HasPrefix(m.Stop, "https://") { // the only one that may be
			msg.SetGenHeaderPreformatted("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		}
	}
	if !link(m.Link) {
		return nil, channel.Refused("The link is none.")
	}
	html, err := page(e.page, m)
	if err != nil {
		return nil, channel.Later("The e-mail could not be written.")
	}
	msg.SetBodyString(mail.TypeTextPlain, text(m))
	msg.AddAlternativeString(mail.TypeTextHTML, html)
	return msg, nil
}

// messageID is the same for every attempt.
func messageID(m *channel.Message, from string) string {
	_, host, _ := strings.Cut(from, "@")
	return m.ID + "@" + host
}

// line is a text without controls, at most 200 characters.
func line(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)), " ")
	if all := []rune(text); len(all) > 200 {
		return string(all[:200])
	}
	return text
}

// tag is a language as a header may hold it.
func tag(language string) string {
	if language == "" || len(language) > 35 || strings.ContainsFunc(language, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) {
		return "en"
	}
	return language
}

// link tells whether a text can stand as a link in a header and a page.
func link(text string) bool {
	return (strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")) && len(text) <= 2000 &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' || r == '"' })
}

// text is the e-mail for those who read no HTML.
func text(m *channel.Message) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(m.Text) + "\n\n")
	if q := m.Question; q != nil {
		b.WriteString(q.Text + "\n")
		if q.Low != "" || q.High != "" {
			b.WriteString(q.Low + " – " + q.High + "\n")
		}
		b.WriteString("\n")
		for _, p := range q.Points {
			b.WriteString(p.Label + ": " + p.Link + "\n")
		}
		b.WriteString("\n")
	}
	b.WriteString(m.Open + ":\n" + m.Link + "\n")
	b.WriteString("\n-- \n" + m.Organisation + "\n")
	if m.Stop != "" {
		b.WriteString(m.StopWords + ": " + m.Stop + "\n")
	}
	return b.String()
}
