package all_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/survey/channel/all"
	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

func media() []gate.Medium {
	return []gate.Medium{gate.Email, gate.SMS, gate.Webhook, gate.Link}
}

// configured is every channel, each to a place where anything that arrives is a fault.
func configured(t *testing.T) (all.Config, *httptest.Server) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("something left")
		w.WriteHeader(http.StatusGone)
	}))
	t.Cleanup(s.Close)
	var c all.Config
	c.Sending.Outbox = filepath.Join(t.TempDir(), "outbox")
	c.Email.Host, c.Email.TLS, c.Email.Port, c.Email.From = "127.0.0.1", "none", 1, "surveys@wagtail.example"
	c.SMS.URL, c.SMS.Account, c.SMS.From, c.SMS.TokenFile = s.URL, "AC1", "+15005550006", channeltest.File(t, "token")
	c.Webhook.URL, c.Webhook.SecretFile = s.URL, channeltest.File(t, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	return c, s
}

// Nothing leaves until sending is switched on, however much is configured.
func TestOff(t *testing.T) {
	for name, c := range map[string]all.Config{
		"nothing configured": {Sending: all.Sending{Outbox: filepath.Join(t.TempDir(), "outbox")}},
		"all configured":     func() all.Config { c, _ := configured(t); return c }(),
	} {
		set, err := all.New(c, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		if set.Sending || !slices.Equal(set.Media(), media()) {
			t.Errorf("%s: %+v", name, set)
		}
		for i, medium := range media() {
			x, err := set.For(medium)
			if err != nil || x.Medium() != medium {
				t.Fatal(name, err)
			}
			if _, err := x.Send(t.Context(), channeltest.Message(medium, i)); err != nil {
				t.Errorf("%s, %s: %v", name, medium, err)
			}
		}
		if files, err := os.ReadDir(c.Sending.Outbox); err != nil || len(files) != 4 {
			t.Errorf("%s: %d files, %v", name, len(files), err)
		}
	}
}

func TestOn(t *testing.T) {
	set, err := all.New(all.Config{Sending: all.Sending{On: true}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if !set.Sending || set.SMS != nil || !slices.Equal(set.Media(), []gate.Medium{gate.Link}) {
		t.Errorf("%+v", set)
	}
	if _, err := set.For(gate.Email); fault.KindOf(err) != fault.Precondition {
		t.Error(err)
	}
	c, s := configured(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	c.Sending.On = true
	if set, err = all.New(c, time.Now); err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if set.SMS == nil || !slices.Equal(set.Media(), media()) {
		t.Errorf("%+v", set)
	}
	x, err := set.For(gate.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Send(t.Context(), channeltest.Message(gate.Webhook, 1)); err == nil || !strings.Contains(err.Error(), "410") {
		t.Error(err)
	}
	if _, err := os.Stat(c.Sending.Outbox); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the outbox is there: %v", err)
	}
}

// What is configured wrongly is found while sending is off.
func TestWrong(t *testing.T) {
	for name, set := range map[string]func(*all.Config){
		"e-mail": func(c *all.Config) { c.Email.From = "nobody" },
		"sms":    func(c *all.Config) { c.SMS.TokenFile = "" },
		"webhook": func(c *all.Config) {
			c.Webhook.SecretFile = channeltest.File(t, string(pem.EncodeToMemory(&pem.Block{Type: "X"})))
		},
		"outbox": func(c *all.Config) { c.Sending.Outbox = "" },
	} {
		c, _ := configured(t)
		set(&c)
		if _, err := all.New(c, time.Now); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The settings are sections of the process's configuration, decoded strictly, and hold no secret.
func TestRead(t *testing.T) {
	file := channeltest.File(t, `
survey-sending: {on: true, outbox: /var/lib/touchstone/outbox}
survey-email: {host: mail.wagtail.example, port: 465, tls: implicit, user: touchstone, password_file: /run/secrets/mail, from: surveys@wagtail.example, timeout: 20s}
survey-sms: {account: AC1, token_file: /run/secrets/sms, from: MG1, callback: "https://survey.wagtail.example/hooks/sms", segments: 3}
survey-webhook: {url: "https://crm.wagtail.example/surveys", secret_file: /run/secrets/hook, private: [10.1.0.0/16]}
`)
	read, err := host.ReadConfig(file, []string{"TOUCHSTONE_SURVEY_SENDING_ON=false"})
	if err != nil {
		t.Fatal(err)
	}
	c := all.Config{Sending: all.Sending{Outbox: "default"}}
	if err := c.Read(read.Section); err != nil {
		t.Fatal(err)
	}
	if err := read.Unused(); err != nil {
		t.Error(err)
	}
	if c.Sending.On || c.Sending.Outbox != "/var/lib/touchstone/outbox" || c.Email.Port != 465 || c.Email.Timeout != 20*time.Second || c.SMS.Segments != 3 || len(c.Webhook.Private) != 1 {
		t.Errorf("%+v", c)
	}
	wrong, err := host.ReadConfig(channeltest.File(t, "survey-sms: {token: abc}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Read(wrong.Section); err == nil {
		t.Error("a token may stand in the configuration")
	}
}
