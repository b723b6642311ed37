package sms_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/channel/sms"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

func TestConforms(t *testing.T) {
	channeltest.Exercise(t, func(t *testing.T) channeltest.Fixture {
		p := provide(t)
		c := open(t, p.config(t))
		return channeltest.Fixture{
			Channel: c,
			Can:     []channeltest.Answer{channeltest.Refuse, channeltest.PutOff, channeltest.Hang, channeltest.Down},
			Set: func(a channeltest.Answer) {
				switch a {
				case channeltest.Accept:
					p.set(nil)
				case channeltest.Refuse:
					p.set(func(w http.ResponseWriter) { refuse(w, 400, 21211, "") })
				case channeltest.PutOff:
					p.set(func(w http.ResponseWriter) { refuse(w, 429, 20429, "7") })
				case channeltest.Hang:
					p.hang()
				case channeltest.Down:
					p.stop()
				}
			},
			Received: func() (all []channeltest.Received) {
				for _, form := range p.received() {
					back, err := url.Parse(form.Get("StatusCallback"))
					if err != nil || !strings.HasPrefix(back.String(), callback+"/status?") {
						t.Errorf("calls back at %q", form.Get("StatusCallback"))
					}
					all = append(all, channeltest.Received{ID: back.Query().Get("message"), To: form.Get("To"), Text: form.Get("Body")})
				}
				return all
			},
			Secrets: []string{token, account, p.URL},
			Stop: func() {
				c.Close()
				p.stop()
			},
		}
	})
}

func TestSent(t *testing.T) {
	p := provide(t)
	m := channeltest.Message(gate.SMS, 1)
	r, err := open(t, p.config(t)).Send(t.Context(), m)
	if err != nil || r.ProviderID != "SM00000000000000000000000000000001" || r.Delivered {
		t.Errorf("%+v, %v", r, err)
	}
	service := p.config(t)
	service.From, service.Callback = "MG0123456789abcdef0123456789abcdef", ""
	if _, err := open(t, service).Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	all := p.received()
	if len(all) != 2 || all[0].Get("From") != "+15005550006" || all[0].Has("MessagingServiceSid") || all[0].Get("To") != m.Contact.Phone || all[0].Get("Body") != m.Text {
		t.Errorf("%v", all)
	}
	if all[1].Has("From") || all[1].Get("MessagingServiceSid") != service.From || all[1].Has("StatusCallback") {
		t.Errorf("%v", all[1])
	}
}

func TestAnswers(t *testing.T) {
	p := provide(t)
	c := open(t, p.config(t))
	code := func(status, code int, after string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { refuse(w, status, code, after) }
	}
	for name, x := range map[string]struct {
		does      func(http.ResponseWriter)
		permanent bool
		optedOut  bool
		after     time.Duration
		words     string
	}{
		"replied STOP":        {code(400, 21610, ""), true, true, 0, "code 21610"},
		"no number":           {code(400, 21211, ""), true, false, 0, "cannot reach this number (400, code 21211)"},
		"a landline":          {code(400, 21614, ""), true, false, 0, "code 21614"},
		"a wrong sender":      {code(400, 21606, ""), false, false, 0, "code 21606"},
		"a region is barred":  {code(400, 21408, ""), false, false, 0, "code 21408"},
		"too many":            {code(429, 20429, "30"), false, false, 30 * time.Second, "puts it off (429"},
		"too many, no time":   {code(429, 20429, ""), false, false, 0, "puts it off"},
		"a defect":            {code(500, 20500, ""), false, false, 0, "puts it off (500"},
		"busy":                {code(503, 20503, "86400000"), false, false, 24 * time.Hour, "puts it off (503"},
		"a wrong token":       {code(401, 20003, ""), false, false, 0, "does not let us in"},
		"closed account":      {code(403, 20005, ""), false, false, 0, "does not let us in"},
		"no such account":     {code(404, 20404, ""), false, false, 0, "404"},
		"elsewhere":           {func(w http.ResponseWriter) { w.Header().Set("Location", "http://127.0.0.1:1/"); w.WriteHeader(307) }, false, false, 0, "307"},
		"an error's page":     {func(w http.ResponseWriter) { w.WriteHeader(502); _, _ = w.Write([]byte("<html>")) }, false, false, 0, "502"},
		"another's page":      {func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>Log in")) }, false, false, 0, "none"},
		"no id":               {func(w http.ResponseWriter) { w.WriteHeader(201); _, _ = w.Write([]byte(`{"sid":""}`)) }, false, false, 0, "none"},
		"codes of other type": {func(w http.ResponseWriter) { w.WriteHeader(400); _, _ = w.Write([]byte(`{"code":"21211"}`)) }, false, false, 0, "400"},
		"endless": {func(w http.ResponseWriter) {
			w.WriteHeader(201)
			for range 100 {
				_, _ = w.Write([]byte(strings.Repeat(" ", 4096)))
			}
		}, false, false, 0, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			p.set(x.does)
			_, err := c.Send(t.Context(), channeltest.Message(gate.SMS, 1))
			if err == nil || channel.Permanent(err) != x.permanent || channel.OptedOut(err) != x.optedOut || !strings.Contains(err.Error(), x.words) {
				t.Fatalf("permanent %t, opted out %t: %v", channel.Permanent(err), channel.OptedOut(err), err)
			}
			for _, secret := range []string{"4915112345678", "Zoë", token, account} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds %q: %v", secret, err)
				}
			}
			want, got := x.after, time.Duration(0)
			if delay, again := (channel.Backoff{First: 1, Most: 1, Attempts: 2}).Next(1, err); again && delay > 1 {
				got = delay
			}
			if got != want {
				t.Errorf("after %s, want %s", got, want)
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	p := provide(t)
	c := p.config(t)
	c.Segments = 2
	m := channeltest.Message(gate.SMS, 1)
	for text, ok := range map[string]bool{strings.Repeat("a", 306): true, strings.Repeat("a", 307): false, strings.Repeat("ж", 134): true, strings.Repeat("ж", 135): false, "": false} {
		m.Text = text
		if _, err := open(t, c).Send(t.Context(), m); (err == nil) != ok || err != nil && !channel.Permanent(err) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func TestSegments(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		n       int
		unicode bool
	}{
		"empty":                  {"", 0, false},
		"one":                    {"a", 1, false},
		"160":                    {strings.Repeat("a", 160), 1, false},
		"161":                    {strings.Repeat("a", 161), 2, false},
		"306":                    {strings.Repeat("a", 306), 2, false},
		"307":                    {strings.Repeat("a", 307), 3, false},
		"of the alphabet":        {"Grüße à Ñandú £5 ¿qué? ÅØÆ\n", 1, true}, // ú is not
		"all of the alphabet":    {"Grüße à Ñand £5 ¿qué? ÅØÆ ΔΦΓ\n", 1, false},
		"extended count twice":   {strings.Repeat("€", 80), 1, false},
		"81 extended":            {strings.Repeat("€", 81), 2, false},
		"not torn":               {strings.Repeat("a", 152) + "€" + strings.Repeat("a", 153), 3, false},
		"70":                     {strings.Repeat("ж", 70), 1, true},
		"71":                     {strings.Repeat("ж", 71), 2, true},
		"134":                    {strings.Repeat("ж", 134), 2, true},
		"135":                    {strings.Repeat("ж", 135), 3, true},
		"35 emoji":               {strings.Repeat("🙂", 35), 1, true},
		"36 emoji":               {strings.Repeat("🙂", 36), 2, true},
		"an emoji is not torn":   {strings.Repeat("🙂", 67), 3, true}, // 33 in each of 67 places
		"one changes all":        {strings.Repeat("a", 100) + "ж", 2, true},
		"an accent of its own":   {"Amélie ç", 1, true},
		"broken bytes are there": {"\xff", 1, true},
	} {
		if n, unicode := sms.Segments(c.text); n != c.n || unicode != c.unicode {
			t.Errorf("%s: %d, %t; want %d, %t", name, n, unicode, c.n, c.unicode)
		}
	}
}

func TestRefusesSettings(t *testing.T) {
	p := provide(t)
	for name, set := range map[string]func(*sms.Config){
		"http elsewhere":     func(c *sms.Config) { c.URL = "http://provider.example" },
		"no address":         func(c *sms.Config) { c.URL = "provider" },
		"user in it":         func(c *sms.Config) { c.URL = "https://u:p@provider.example" },
		"query":              func(c *sms.Config) { c.Callback = "https://survey.example/?a=b" },
		"callback in clear":  func(c *sms.Config) { c.Callback = "http://survey.example/" },
		"account of a path":  func(c *sms.Config) { c.Account = "../AC1" },
		"no account":         func(c *sms.Config) { c.Account = "" },
		"no sender":          func(c *sms.Config) { c.From = "" },
		"no token":           func(c *sms.Config) { c.TokenFile = "" },
		"too many segments":  func(c *sms.Config) { c.Segments = 11 },
		"negative segments":  func(c *sms.Config) { c.Segments = -1 },
		"negative timeout":   func(c *sms.Config) { c.Timeout = -1 },
		"token file missing": func(c *sms.Config) { c.TokenFile = t.TempDir() + "/none" },
	} {
		c := p.config(t)
		set(&c)
		if _, err := sms.New(c); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
