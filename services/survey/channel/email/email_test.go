package email_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/channel/email"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

func TestConforms(t *testing.T) {
	for _, security := range []string{"starttls", "implicit", "none"} {
		t.Run(security, func(t *testing.T) {
			channeltest.Exercise(t, func(t *testing.T) channeltest.Fixture {
				s := serve(t, security)
				c := open(t, s.config(t, security))
				return channeltest.Fixture{
					Channel: c,
					Can:     []channeltest.Answer{channeltest.Refuse, channeltest.PutOff, channeltest.Hang, channeltest.Down},
					Set: func(a channeltest.Answer) {
						switch a {
						case channeltest.Accept:
							s.set("", nil)
						case channeltest.Refuse:
							s.set("RCPT", says(550, 5, 1, 1))
						case channeltest.PutOff:
							s.set("RCPT", says(451, 4, 3, 0))
						case channeltest.Hang:
							s.hang("END")
						case channeltest.Down:
							s.stop()
						}
					},
					Received: func() (all []channeltest.Received) {
						for _, x := range s.received() {
							p := parse(t, x)
							id, host, _ := strings.Cut(strings.Trim(p.header.Get("Message-Id"), "<>"), "@")
							if host != "wagtail.example" {
								t.Errorf("Message-ID %q", p.header.Get("Message-Id"))
							}
							walk(t, p.html)
							all = append(all, channeltest.Received{ID: id, To: p.to, Text: p.text})
						}
						return all
					},
					Secrets: []string{password, user, "127.0.0.1"},
					Stop:    s.stop,
				}
			})
		})
	}
}

func open(t *testing.T, c email.Config) *email.Channel {
	t.Helper()
	x, err := email.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// parsed is an e-mail as a mail program reads it.
type parsed struct {
	header     mail.Header
	to         string
	text, html string
}

// parse reads an e-mail, and fails where it holds more than it should.
func parse(t *testing.T, x received) parsed {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(string(x.data)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, x.data)
	}
	known := map[string]bool{
		"Auto-Submitted": true, "X-Auto-Response-Suppress": true, "Content-Language": true, "Date": true, "Message-Id": true, "Mime-Version": true, "Subject": true,
		"From": true, "To": true, "Reply-To": true, "List-Unsubscribe": true, "List-Unsubscribe-Post": true, "Content-Type": true,
	}
	for name, values := range m.Header {
		if !known[name] || len(values) != 1 {
			t.Errorf("header %s: %q", name, values)
		}
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || len(x.to) != 1 || to[0].Address != x.to[0] {
		t.Fatalf("to %v by the header (%v), %v by the envelope", to, err, x.to)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	p := parsed{header: m.Header, to: to[0].Address}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for i := 0; ; i++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			if i != 2 {
				t.Errorf("%d parts", i)
			}
			return p
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		switch kind := part.Header.Get("Content-Type"); kind {
		case "text/plain; charset=UTF-8":
			p.text = string(body)
		case "text/html; charset=UTF-8":
			p.html = string(body)
		default:
			t.Errorf("a part is %s", kind)
		}
	}
}

// send sends one e-mail over STARTTLS and returns what came.
func send(t *testing.T, m *channel.Message) parsed {
	t.Helper()
	s := serve(t, "starttls")
	if _, err := open(t, s.config(t, "starttls")).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	all := s.received()
	if len(all) != 1 || all[0].from != "surveys@wagtail.example" {
		t.Fatalf("%+v", all)
	}
	return parse(t, all[0])
}

func TestHeaders(t *testing.T) {
	m := channeltest.Message(gate.Email, 1)
	m.Language, m.Subject, m.ReplyName = "de-AT", "Ihre Erfahrung – bitte", "Jürgen, Wagtail"
	p := send(t, m)
	words := new(mime.WordDecoder)
	for name, want := range map[string]string{
		"Subject": m.Subject, "From": `"Jürgen, Wagtail" <surveys@wagtail.example>`, "Reply-To": `"Jürgen, Wagtail" <help@wagtail.example>`,
		"To": `"Zoë Canary" <zoe.canary@example.net>`, "Auto-Submitted": "auto-generated", "Content-Language": "de-AT",
		"List-Unsubscribe": "<" + m.Stop + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Message-Id": "<" + m.ID + "@wagtail.example>",
	} {
		got, err := words.DecodeHeader(p.header.Get(name))
		if err != nil {
			t.Error(err)
		}
		if strings.ReplaceAll(got, `"`, "") != strings.ReplaceAll(want, `"`, "") {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	from, err := p.header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != m.ReplyName {
		t.Errorf("from %v, %v", from, err)
	}
	if at, err := p.header.Date(); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("date %v, %v", at, err)
	}
}

// One click is offered for https alone (RFC 8058, section 3.1).
func TestOneClickNeedsHTTPS(t *testing.T) {
	m := channeltest.Message(gate.Email, 1)
	m.Stop = "http://127.0.0.1:7402/s/t/stop"
	p := send(t, m)
	if p.header.Get("List-Unsubscribe") != "<"+m.Stop+">" || p.header.Get("List-Unsubscribe-Post") != "" {
		t.Errorf("%v", p.header)
	}
}

// The HTML holds links to the survey and nothing that is fetched or run; what it says is there without any picture.
func TestHTML(t *testing.T) {
	m := channeltest.Message(gate.Email, 1)
	m.Text = "Hello <b>Zoë</b>,\n\nhow was it? " + m.Link + " & bye"
	p := send(t, m)
	if len(p.html) > 8<<10 {
		t.Errorf("%d bytes", len(p.html))
	}
	links, text := walk(t, p.html)
	for _, want := range []string{"Hello <b>Zoë</b>,", "how was it?", "& bye", m.Question.Text, "not at all – very", m.Open, m.StopWords, m.Organisation} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	want := map[string]string{m.Stop: m.StopWords}
	for _, x := range m.Question.Points {
		want[x.Link] = x.Label
	}
	for href, words := range want {
		if links[href] != words {
			t.Errorf("%s is called %q, want %q", href, links[href], words)
		}
	}
	if len(links) != len(want)+1 || links[m.Link] == "" {
		t.Errorf("links %v", links)
	}
	for _, x := range m.Question.Points {
		if !strings.Contains(p.text, x.Label+": "+x.Link+"\r\n") && !strings.Contains(p.text, x.Label+": "+x.Link+"\n") {
			t.Errorf("%s is missing in the text", x.Link)
		}
	}
}

// walk returns the links of a page with their words, and all its words. It fails where the page holds anything that is fetched or run.
func walk(t *testing.T, page string) (links map[string]string, text string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	may := map[string]bool{"html": true, "head": true, "meta": true, "title": true, "body": true, "div": true, "p": true, "a": true, "br": true}
	links = map[string]string{}
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			text += n.Data
		case html.ElementNode:
			if !may[n.Data] {
				t.Errorf("it holds <%s>", n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "href" && n.Data == "a":
					links[a.Val] = ""
					for d := range n.Descendants() {
						if d.Type == html.TextNode {
							links[a.Val] += d.Data
						}
					}
				case a.Key == "style" && strings.Contains(a.Val, "url("), a.Key == "src", strings.HasPrefix(a.Key, "on"):
					t.Errorf("it holds %s=%q", a.Key, a.Val)
				}
			}
		}
	}
	return links, text
}

func TestDirection(t *testing.T) {
	for language, want := range map[string]string{"ar": `lang="ar" dir="rtl"`, "he": `dir="rtl"`, "de": `lang="de" dir="ltr"`, "": `lang="en" dir="ltr"`, "ar-Latn": `dir="ltr"`} {
		m := channeltest.Message(gate.Email, 1)
		m.Language = language
		if p := send(t, m); !strings.Contains(p.html, want) {
			t.Errorf("%q: %s is missing", language, want)
		}
	}
}

// Every refusal at every step: what lies with the person is for good, what lies with the account or the server is not.
func TestRefusals(t *testing.T) {
	s := serve(t, "starttls")
	c := open(t, s.config(t, "starttls"))
	for name, x := range map[string]struct {
		command string
		err     error
		good    bool
		words   string
	}{
		"no such person":     {"RCPT", says(550, 5, 1, 1), true, "refuses the recipient (code 550, 5.1.1)"},
		"mailbox full":       {"RCPT", says(452, 4, 2, 2), false, "puts it off (code 452, 4.2.2)"},
		"grey list":          {"RCPT", says(450, 4, 7, 1), false, "puts it off (code 450, 4.7.1)"},
		"authenticate first": {"RCPT", says(530, 5, 7, 0), false, "this sender (code 530"},
		"sender not allowed": {"MAIL", says(553, 5, 7, 1), false, "this sender (code 553"},
		"too many":           {"MAIL", says(421, 4, 7, 0), false, "puts it off (code 421"},
		"content refused":    {"END", says(554, 5, 7, 1), true, "refuses the message (code 554, 5.7.1)"},
		"content put off":    {"END", says(451, 4, 3, 0), false, "puts it off (code 451"},
		"wrong password":     {"AUTH", says(535, 5, 7, 8), false, "does not let us in (code 535)"},
		"too many passwords": {"AUTH", says(454, 4, 7, 0), false, "does not let us in (code 454)"},
		"data phase refused": {"DATA", says(554, 5, 6, 0), true, "refuses the message (code 554"},
		"data phase put off": {"DATA", says(452, 4, 3, 1), false, "puts it off (code 452"},
		"taken after it all": {"", nil, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.set(x.command, x.err)
			_, err := c.Send(t.Context(), channeltest.Message(gate.Email, 1))
			if x.err == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if channel.Permanent(err) != x.good || !strings.Contains(err.Error(), x.words) {
				t.Errorf("permanent %t, %v", channel.Permanent(err), err)
			}
			for _, secret := range []string{"zoe", "Zoë", password} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds %q: %v", secret, err)
				}
			}
		})
	}
}

// A server that took the message and then hangs up has it: it is not sent again.
func TestHangsUpAfterwards(t *testing.T) {
	s := serve(t, "starttls")
	s.set("RSET", says(421, 4, 3, 2))
	r, err := open(t, s.config(t, "starttls")).Send(t.Context(), channeltest.Message(gate.Email, 1))
	if err != nil || r.ProviderID == "" || len(s.received()) != 1 {
		t.Errorf("%+v, %v, %d arrived", r, err, len(s.received()))
	}
}

// A server that is silent at any step costs no more than the time that is allowed.
func TestSilence(t *testing.T) {
	for _, command := range []string{"AUTH", "MAIL", "RCPT", "DATA", "END"} {
		t.Run(command, func(t *testing.T) {
			s := serve(t, "starttls")
			s.hang(command)
			config := s.config(t, "starttls")
			config.Timeout = 300 * time.Millisecond
			began := time.Now()
			_, err := open(t, config).Send(t.Context(), channeltest.Message(gate.Email, 1))
			if err == nil || channel.Permanent(err) || time.Since(began) > 3*time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
		})
	}
	t.Run("never greets", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		s := &server{address: l.Addr().String()}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		if _, err := open(t, s.config(t, "none")).Send(ctx, channeltest.Message(gate.Email, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// Nothing goes over a connection that is not encrypted, or to one who cannot prove who he is.
func TestTLS(t *testing.T) {
	plain := serve(t, "none")
	tlsOnly := serve(t, "starttls")
	wrapped := serve(t, "implicit")
	for name, x := range map[string]struct {
		server *server
		set    func(*email.Config)
		words  string
	}{
		"no STARTTLS":                {plain, func(c *email.Config) { c.TLS = "starttls" }, "no STARTTLS"},
		"unknown certificate":        {tlsOnly, func(c *email.Config) { c.CAFile = "" }, "not trusted"},
		"unknown certificate inside": {wrapped, func(c *email.Config) { c.TLS, c.CAFile = "implicit", "" }, "not trusted"},
		"another's certificate":      {tlsOnly, func(c *email.Config) { c.Host = "localhost" }, "not trusted"},
		"plain where TLS is":         {wrapped, func(c *email.Config) { c.TLS, c.Timeout = "starttls", 500*time.Millisecond }, ""},
		"TLS where plain is":         {plain, func(c *email.Config) { c.TLS = "implicit" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := x.server.config(t, "starttls")
			x.set(&config)
			_, err := open(t, config).Send(t.Context(), channeltest.Message(gate.Email, 1))
			if err == nil || channel.Permanent(err) || !strings.Contains(err.Error(), x.words) {
				t.Errorf("%v", err)
			}
			if len(x.server.received()) != 0 {
				t.Error("it was sent")
			}
		})
	}
}

func TestRefusesSettings(t *testing.T) {
	s := serve(t, "starttls")
	for name, set := range map[string]func(*email.Config){
		"no host":            func(c *email.Config) { c.Host = "" },
		"unknown TLS":        func(c *email.Config) { c.TLS = "ssl" },
		"in the clear":       func(c *email.Config) { c.Host, c.TLS = "mail.example.org", "none" },
		"port":               func(c *email.Config) { c.Port = 70000 },
		"negative time":      func(c *email.Config) { c.Timeout = -1 },
		"no sender":          func(c *email.Config) { c.From = "" },
		"sender with a name": func(c *email.Config) { c.From = "Bank <a@example.org>" },
		"two senders":        func(c *email.Config) { c.From = "a@example.org, b@example.org" },
		"sender with a line": func(c *email.Config) { c.From = "a@example.org\nBcc: b@example.org" },
		"reply":              func(c *email.Config) { c.ReplyTo = "nobody" },
		"no password":        func(c *email.Config) { c.PasswordFile = "" },
		"empty password":     func(c *email.Config) { c.PasswordFile = channeltest.File(t, "\n") },
		"no certificates":    func(c *email.Config) { c.CAFile = channeltest.File(t, "x") },
		"missing file":       func(c *email.Config) { c.CAFile = t.TempDir() + "/x" },
	} {
		c := s.config(t, "starttls")
		set(&c)
		if _, err := email.New(c); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
