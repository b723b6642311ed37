package sms_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/channel/sms"
)

const (
	account  = "AC0123456789abcdef0123456789abcdef"
	token    = "s3cret-auth-token"
	callback = "https://survey.example/hooks/sms"
)

// provider speaks the protocol of Twilio's Messages resource.
type provider struct {
	*httptest.Server
	release chan struct{}
	once    sync.Once

	mu    sync.Mutex
	does  func(http.ResponseWriter) // instead of taking the message; nil takes it
	hangs bool
	got   []url.Values
}

func provide(t *testing.T) *provider {
	t.Helper()
	p := &provider{release: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2010-04-01/Accounts/"+account+"/Messages.json", p.messages)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.stop)
	return p
}

func (p *provider) stop() {
	p.once.Do(func() {
		close(p.release)
		p.CloseClientConnections()
		p.Close()
	})
}

func (p *provider) set(does func(http.ResponseWriter)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.does, p.hangs = does, false
}

func (p *provider) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs = true
}

func (p *provider) received() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]url.Values{}, p.got...)
}

func (p *provider) messages(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	does, hangs := p.does, p.hangs
	p.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if hangs {
		<-p.release
		return
	}
	if does != nil {
		does(w)
		return
	}
	user, password, _ := r.BasicAuth()
	if user != account || password != token {
		refuse(w, http.StatusUnauthorized, 20003, "")
		return
	}
	form, parsed := url.ParseQuery(string(body))
	if err != nil || parsed != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || form.Get("Body") == "" ||
		cmp.Or(form.Get("From"), form.Get("MessagingServiceSid")) == "" {
		refuse(w, http.StatusBadRequest, 21603, "")
		return
	}
	p.mu.Lock()
	p.got = append(p.got, form)
	n := len(p.got)
	p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"sid":"SM%032d","status":"queued","to":%q,"body":"x","num_segments":"1","error_code":null,"error_message":null}`, n, form.Get("To"))
}

// refuse answers an error as the provider does, and quotes what it was sent.
func refuse(w http.ResponseWriter, status, code int, after string) {
	if after != "" {
		w.Header().Set("Retry-After", after)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%d,"message":"The 'To' number +4915112345678 (Zoë Canary) of %s","more_info":"https://provider.example/%s","status":%d}`, code, account, token, status)
}

func (p *provider) config(t *testing.T) sms.Config {
	return sms.Config{URL: p.URL, Account: account, TokenFile: channeltest.File(t, token+"\n"), From: "+15005550006", Callback: callback, Timeout: 10 * time.Second}
}

func open(t *testing.T, c sms.Config) *sms.Channel {
	t.Helper()
	x, err := sms.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}
