package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/channel/webhook"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

const (
	key    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
	oldKey = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// system is one of the organisation's that takes messages.
type system struct {
	*httptest.Server
	release chan struct{}
	once    sync.Once

	mu    sync.Mutex
	does  http.HandlerFunc // instead of taking the message; nil takes it
	hangs bool
	got   []request
}

type request struct {
	header http.Header
	body   []byte
}

func listen(t *testing.T) *system {
	t.Helper()
	s := &system{release: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.stop)
	return s
}

func (s *system) stop() {
	s.once.Do(func() {
		close(s.release)
		s.CloseClientConnections()
		s.Close()
	})
}

func (s *system) set(does http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.does, s.hangs = does, false
}

func (s *system) received() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request{}, s.got...)
}

func (s *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	does, hangs := s.does, s.hangs
	s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	switch {
	case hangs:
		<-s.release
	case does != nil:
		does(w, r)
	case err != nil || r.Method != http.MethodPost:
		w.WriteHeader(http.StatusBadRequest)
	default:
		s.mu.Lock()
		s.got = append(s.got, request{r.Header, body})
		s.mu.Unlock()
		_, _ = io.WriteString(w, `{"id":"chat-17"}`)
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "Zoë Canary zoe.canary@example.net "+key)
	}
}

func open(t *testing.T, c webhook.Config) *webhook.Channel {
	t.Helper()
	x, err := webhook.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

func (s *system) config(t *testing.T) webhook.Config {
	return webhook.Config{URL: s.URL + "/surveys?source=touchstone", SecretFile: channeltest.File(t, key+"\n"+oldKey+"\n"), Timeout: 10 * time.Second}
}

// fits checks a signature as a receiver does.
func fits(t *testing.T, r request, secret string) bool {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseInt(r.header.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Minute {
		t.Errorf("timestamp %q", r.header.Get("webhook-timestamp"))
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(r.header.Get("webhook-id") + "." + r.header.Get("webhook-timestamp") + "." + string(r.body)))
	for part := range strings.FieldsSeq(r.header.Get("webhook-signature")) {
		if part == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			return true
		}
	}
	return false
}

func TestConforms(t *testing.T) {
	channeltest.Exercise(t, func(t *testing.T) channeltest.Fixture {
		s := listen(t)
		c := open(t, s.config(t))
		return channeltest.Fixture{
			Channel: c,
			Can:     []channeltest.Answer{channeltest.Refuse, channeltest.PutOff, channeltest.Hang, channeltest.Down},
			Set: func(a channeltest.Answer) {
				switch a {
				case channeltest.Accept:
					s.set(nil)
				case channeltest.Refuse:
					s.set(status(http.StatusGone))
				case channeltest.PutOff:
					s.set(status(http.StatusServiceUnavailable, "Retry-After", "7"))
				case channeltest.Hang:
					s.mu.Lock()
					s.hangs = true
					s.mu.Unlock()
				case channeltest.Down:
					s.stop()
				}
			},
			Received: func() (all []channeltest.Received) {
				for _, r := range s.received() {
					var body struct {
						Type string
						Data struct {
							ID       string
							Link     string
							Text     string
							Stop     string
							Question *struct {
								Text   string
								Points []struct{ Label, Link string }
							}
						}
					}
					if err := json.Unmarshal(r.body, &body); err != nil || body.Type != "survey.invitation" || r.header.Get("Content-Type") != "application/json" {
						t.Errorf("%s: %v", r.body, err)
					}
					text := body.Data.Text + "\n" + body.Data.Link + "\n" + body.Data.Stop
					if q := body.Data.Question; q != nil {
						text += "\n" + q.Text
						for _, p := range q.Points {
							text += "\n" + p.Label + " " + p.Link
						}
					}
					if !fits(t, r, key) || !fits(t, r, oldKey) || fits(t, r, "whsec_"+strings.Repeat("B", 32)) {
						t.Errorf("signature %q", r.header.Get("webhook-signature"))
					}
					if id := r.header.Get("webhook-id"); strings.TrimSpace(body.Data.ID) != strings.TrimSpace(id) {
						t.Errorf("id %q in the body, %q in the header", body.Data.ID, id)
					}
					all = append(all, channeltest.Received{ID: r.header.Get("webhook-id"), Text: text})
				}
				return all
			},
			Secrets: []string{key, strings.TrimPrefix(key, "whsec_"), s.URL, "source=touchstone"},
			Stop: func() {
				c.Close()
				s.stop()
			},
		}
	})
}

func TestAnswers(t *testing.T) {
	s := listen(t)
	c := open(t, s.config(t))
	m := channeltest.Message(gate.Webhook, 1)
	if r, err := c.Send(t.Context(), m); err != nil || r.ProviderID != "chat-17" || r.Delivered {
		t.Errorf("%+v, %v", r, err)
	}
	for name, x := range map[string]struct {
		does  http.HandlerFunc
		sent  bool
		good  bool
		after time.Duration
	}{
		"no content":      {status(204), true, false, 0},
		"accepted":        {status(202), true, false, 0},
		"gone":            {status(410), false, true, 0},
		"not found":       {status(404), false, false, 0},
		"bad request":     {status(400), false, false, 0},
		"wrong signature": {status(401), false, false, 0},
		"too many":        {status(429, "Retry-After", "90"), false, false, 90 * time.Second},
		"busy":            {status(503, "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), false, false, time.Hour},
		"defect":          {status(500), false, false, 0},
		"an odd id":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"a\nb"}`) }, true, false, 0},
		"an id of number": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":17}`) }, true, false, 0},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, true, false, 0},
		"endless refusal": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s.set(x.does)
			r, err := c.Send(t.Context(), m)
			if (err == nil) != x.sent || channel.Permanent(err) != x.good || r.ProviderID != "" {
				t.Fatalf("%+v, permanent %t, %v", r, channel.Permanent(err), err)
			}
			if delay, again := (channel.Backoff{First: 1, Most: 1, Attempts: 2}).Next(1, err); x.after > 0 && (!again || (delay-x.after).Abs() > 5*time.Second) {
				t.Errorf("after %s", delay)
			}
			if err != nil && strings.ContainsAny(err.Error(), "@ë") {
				t.Error(err)
			}
		})
	}
}

// The signed request goes to the host that was configured and to no other; there it goes along whole.
func TestRedirects(t *testing.T) {
	s, other := listen(t), listen(t)
	c := open(t, s.config(t))
	m := channeltest.Message(gate.Webhook, 1)
	at := func(code int, to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/there" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Location", to)
			w.WriteHeader(code)
		}
	}
	for name, x := range map[string]struct {
		does http.HandlerFunc
		sent bool
	}{
		"the same host, 307":   {at(307, "/there"), true},
		"the same host, 308":   {at(308, s.URL+"/there"), true},
		"as a GET, 301":        {at(301, "/there"), false},
		"as a GET, 302":        {at(302, "/there"), false},
		"as a GET, 303":        {at(303, "/there"), false},
		"another port":         {at(307, other.URL+"/there"), false},
		"another host":         {at(308, "https://other.example/there"), false},
		"another name of it":   {at(307, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)+"/there"), false},
		"to https":             {at(307, strings.Replace(s.URL, "http:", "https:", 1)+"/there"), false},
		"round and round":      {at(307, "/here"), false},
		"the address of cloud": {at(307, "http://169.254.169.254/latest/meta-data"), false},
	} {
		s.set(x.does)
		if _, err := c.Send(t.Context(), m); (err == nil) != x.sent || channel.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(other.received()); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// Private addresses in every writing are not connected to, whatever name leads there.
func TestPrivate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
		"[::]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::a00:1]", "[2002:a00:1::1]", "[::10.0.0.1]", "[2001:db8::1]", "[ff02::1]",
	} {
		c := open(t, webhook.Config{URL: "https://" + host + ":" + port + "/", SecretFile: channeltest.File(t, key), Timeout: time.Second})
		_, err := c.Send(t.Context(), channeltest.Message(gate.Webhook, 1))
		if err == nil || channel.Permanent(err) || !strings.Contains(err.Error(), "private address") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestRefusesSettings(t *testing.T) {
	s := listen(t)
	for name, set := range map[string]func(*webhook.Config){
		"no address":       func(c *webhook.Config) { c.URL = "surveys" },
		"in the clear":     func(c *webhook.Config) { c.URL = "http://crm.example/" },
		"another scheme":   func(c *webhook.Config) { c.URL = "ftp://crm.example/" },
		"user in it":       func(c *webhook.Config) { c.URL = "https://u:p@crm.example/" },
		"no secret":        func(c *webhook.Config) { c.SecretFile = "" },
		"a short secret":   func(c *webhook.Config) { c.SecretFile = channeltest.File(t, "whsec_AAAA") },
		"no base64":        func(c *webhook.Config) { c.SecretFile = channeltest.File(t, "correct horse battery staple") },
		"three secrets":    func(c *webhook.Config) { c.SecretFile = channeltest.File(t, key+"\n"+key+"\n"+key) },
		"no network":       func(c *webhook.Config) { c.Private = []string{"10.0.0.1"} },
		"negative timeout": func(c *webhook.Config) { c.Timeout = -1 },
	} {
		c := s.config(t)
		set(&c)
		if _, err := webhook.New(c); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "correct horse") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
