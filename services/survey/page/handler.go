package page

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Options are a Handler's settings.
type Options struct {
	// Key of at least 16 bytes, secret and the same on every instance. It proves that whoever asks for the last page had the
	// form while it was open, so that a spent link looks like an unknown one to all others.
	Key []byte
	// Log of failures of the store; nil for none. It never names a token.
	Log *slog.Logger
}

// Handler answers /s/{token} and /s/{token}/stop.
type Handler struct {
	store     Store
	key       []byte
	log       *slog.Logger
	languages *languages
	renderer  *renderer
	mux       *http.ServeMux
}

// New makes a Handler.
func New(store Store, o Options) (*Handler, error) {
	if len(o.Key) < 16 {
		return nil, fault.Field("key", "shorter than 16 bytes", "Give one of 16 random bytes or more.")
	}
	h := &Handler{store: store, key: o.Key, log: o.Log, mux: http.NewServeMux()}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if h.languages, err = newLanguages(); err != nil {
		return nil, err
	}
	if h.renderer, err = newRenderer(); err != nil {
		return nil, err
	}
	h.mux.HandleFunc("GET /s/{token}", h.show)
	h.mux.HandleFunc("POST /s/{token}", h.save)
	h.mux.HandleFunc("GET /s/{token}/stop", h.askStop)
	h.mux.HandleFunc("POST /s/{token}/stop", h.stop)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.gone(w, r) })
	return h, nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	headers(w.Header())
	h.mux.ServeHTTP(w, r)
}

// show answers a GET: the screen that is asked for, else the first that was not seen. It records nothing.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	token, query := r.PathValue("token"), r.URL.Query()
	receipt := h.receipt(token)
	inv, err := h.open(r.Context(), token)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	if inv.Finished && !equal(query.Get("done"), receipt) {
		h.gone(w, r)
		return
	}
	c := h.languages.of(inv.Survey.Languages)
	v := newView(c.choose(query.Get("lang"), r.Header.Get("Accept-Language")), c, inv.Survey)
	if inv.Finished {
		h.thank(w, r, http.StatusOK, v, inv, receipt, nil, false)
		return
	}
	p := inv.Survey.plan(inv.Saved)
	at := p.at(query.Get("at"))
	if at < 0 {
		h.gone(w, r)
		return
	}
	fields := inv.Survey.fields(inv.Saved)
	if first := p.screens[at][0]; at == 0 && query.Has("score") {
		if _, seen := inv.Saved[first.ID]; !seen {
			fields[answerField+first.ID] = []string{query.Get("score")}
			// Only what could be saved is chosen beforehand.
			if _, given, wrong := first.read(form{fields: fields}); !given || wrong != nil || first.input() == comments {
				delete(fields, answerField+first.ID)
			}
		}
	}
	v.ask(inv.Survey, p, at, inv.Saved, fields, nil)
	v.Hidden = append(v.Hidden, hidden{"receipt", receipt})
	h.write(w, r, http.StatusOK, v)
}

// save answers a POST.
func (h *Handler) save(w http.ResponseWriter, r *http.Request) {
	f, status := readForm(w, r)
	if status != 0 {
		h.failed(w, r, status)
		return
	}
	token := r.PathValue("token")
	receipt := h.receipt(token)
	inv, err := h.open(r.Context(), token)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	if inv.Finished && !equal(f.receipt, receipt) {
		h.gone(w, r)
		return
	}
	c := h.languages.of(inv.Survey.Languages)
	voice := c.choose(f.from, r.Header.Get("Accept-Language"))
	v := newView(voice, c, inv.Survey)
	switch {
	case inv.Finished && f.consent:
		h.allow(w, r, v, inv, f, receipt)
	case inv.Finished: // sent twice
		redirect(w, url.Values{"done": {receipt}, "lang": {voice.tag}})
	default:
		h.step(w, r, v, c, inv, f, receipt)
	}
}

// step saves one screen and leads to the next.
func (h *Handler) step(w http.ResponseWriter, r *http.Request, v *view, c *choice, inv *Invitation, f form, receipt string) {
	s, token := inv.Survey, r.PathValue("token")
	p := s.plan(inv.Saved)
	at := p.at(f.at)
	if at < 0 {
		h.gone(w, r)
		return
	}
	screen := p.screens[at]
	if screen[0].ID != f.at || f.consent { // answered elsewhere since, or no form of ours
		redirect(w, url.Values{"at": {screen[0].ID}, "lang": {v.Lang}})
		return
	}
	answers, problems := read(screen, f, func(q *Question) bool {
		return q == p.screens[0][0] || len(screen) == 1 && q.input() != comments
	})
	switch {
	case f.lang != "": // what is right is kept, what is missing may still come
		for id, a := range answers {
			if a.empty() {
				delete(answers, id)
			}
		}
		problems = nil
	case f.skip && at > 0:
		answers, problems = Answers{}, nil
		for _, q := range screen {
			answers[q.ID] = Answer{}
		}
	}
	if len(problems) > 0 {
		v.ask(s, p, at, inv.Saved, f.fields, problems)
		v.Hidden = append(v.Hidden, hidden{"receipt", receipt})
		h.write(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	changed, merged := s.merge(inv.Saved, answers)
	step := Step{Answers: changed, Language: v.Lang, Device: device(r.UserAgent())}
	after := s.plan(merged)
	if len(after.screens) == 0 { // a condition that takes its own question away
		after = p
	}
	next, final := after.at(f.at)+1, false
	switch {
	case f.lang != "":
		next--
	case next >= len(after.screens) && after.open == len(after.screens):
		next, final = len(after.screens)-1, true
	default:
		next = min(next, after.open)
	}
	step.LastSeen = after.screens[next][0].ID
	var err error
	if final {
		step.LastSeen = after.screens[next][len(after.screens[next])-1].ID
		err = h.store.Finish(r.Context(), token, step)
	} else if len(changed) > 0 {
		err = h.store.Save(r.Context(), token, step)
	}
	query := url.Values{"at": {step.LastSeen}, "lang": {v.Lang}}
	switch {
	case errors.Is(err, ErrGone), errors.Is(err, ErrSpent) && !equal(f.receipt, receipt):
		h.gone(w, r)
		return
	case errors.Is(err, ErrSpent), err == nil && final:
		query = url.Values{"done": {receipt}, "lang": {v.Lang}}
	case err != nil:
		h.report(r, err)
		retryAfter(w, err)
		v.ask(s, p, at, inv.Saved, f.fields, nil)
		v.Problems = []viewProblem{{v.Questions[0].anchor(), v.T.NotSaved}}
		v.Hidden = append(v.Hidden, hidden{"receipt", receipt})
		h.write(w, r, http.StatusServiceUnavailable, v)
		return
	}
	if f.lang != "" {
		query.Set("lang", c.choose(f.lang, "").tag)
	}
	redirect(w, query)
}

// merge returns what of answers is new, and all answers with it. Answers whose question is no longer asked are taken back.
func (s *Survey) merge(saved, answers Answers) (changed, merged Answers) {
	changed, merged = Answers{}, Answers{}
	for id, a := range saved {
		merged[id] = a
	}
	for id, a := range answers {
		if old, seen := saved[id]; !seen || !old.same(a) {
			changed[id], merged[id] = a, a
		}
	}
	for left := s.left(merged); len(left) > 0; left = s.left(merged) {
		for id, a := range left {
			changed[id], merged[id] = a, a
		}
	}
	return changed, merged
}

// allow saves what the last page asked.
func (h *Handler) allow(w http.ResponseWriter, r *http.Request, v *view, inv *Invitation, f form, receipt string) {
	contact, quote := f.first(answerField+contactField), f.first(answerField+quoteField)
	if contact != "0" && contact != "1" && quote != "0" && quote != "1" {
		h.thank(w, r, http.StatusUnprocessableEntity, v, inv, receipt, f.fields, true)
		return
	}
	if inv.Survey.AskConsent {
		consent := Consent{Contact: contact == "1", Quote: quote == "1" && inv.wrote()}
		if err := h.store.Allow(r.Context(), r.PathValue("token"), consent); err != nil {
			h.refuse(w, r, err)
			return
		}
	}
	redirect(w, url.Values{"done": {receipt}, "lang": {v.Lang}})
}

// thank writes the last page.
func (h *Handler) thank(w http.ResponseWriter, r *http.Request, status int, v *view, inv *Invitation, receipt string, fields map[string][]string, wrong bool) {
	v.thank(inv.Survey, inv, fields, wrong)
	v.Keep = template.URL("&done=" + receipt) // hexadecimal digits
	v.Hidden = append(v.Hidden, hidden{"receipt", receipt})
	h.write(w, r, status, v)
}

// askStop asks whether to stop: a scanner that fetches the link stops nothing. It is the same page for every token.
func (h *Handler) askStop(w http.ResponseWriter, r *http.Request) {
	v := h.plain(r)
	v.say(v.T.Stop, v.T.StopText)
	v.Form, v.Submit = true, v.T.StopButton
	h.write(w, r, http.StatusOK, v)
}

// stop stops. What a POST's body says does not matter, so that the one click of RFC 8058 needs nothing else; the answer is the
// same for every token.
func (h *Handler) stop(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, MaxBody)); err != nil {
		h.failed(w, r, http.StatusRequestEntityTooLarge)
		return
	}
	if token := r.PathValue("token"); len(token) <= MaxToken {
		if err := h.store.OptOut(r.Context(), token); err != nil && !errors.Is(err, ErrGone) {
			h.refuse(w, r, err)
			return
		}
	}
	v := h.plain(r)
	h.write(w, r, http.StatusOK, v.say(v.T.Stopped, v.T.StoppedText))
}

func (h *Handler) open(ctx context.Context, token string) (*Invitation, error) {
	if len(token) > MaxToken {
		return nil, ErrGone
	}
	return h.store.Open(ctx, token)
}

// plain begins a page that knows no survey.
func (h *Handler) plain(r *http.Request) *view {
	c := h.languages.all
	return newView(c.choose(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language")), c, nil)
}

// gone answers for every token that takes no answers, whatever the reason. Nothing in it hangs on the token.
func (h *Handler) gone(w http.ResponseWriter, r *http.Request) {
	v := h.plain(r)
	h.write(w, r, http.StatusNotFound, v.say(v.T.Gone, v.T.GoneText))
}

// failed answers for what did not work.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, status int) {
	v := h.plain(r)
	h.write(w, r, status, v.say(v.T.Failed, v.T.FailedText))
}

// refuse answers for an error of the store.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrGone) || errors.Is(err, ErrSpent) {
		h.gone(w, r)
		return
	}
	h.report(r, err)
	retryAfter(w, err)
	h.failed(w, r, http.StatusServiceUnavailable)
}

func (h *Handler) report(r *http.Request, err error) {
	h.log.LogAttrs(r.Context(), slog.LevelError, "survey page", slog.String("method", r.Method), slog.Any("error", err))
}

func (h *Handler) write(w http.ResponseWriter, r *http.Request, status int, v *view) {
	if err := h.renderer.write(w, r, status, v); err != nil {
		h.report(r, err)
	}
}

// retryAfter says when to try again.
func retryAfter(w http.ResponseWriter, err error) {
	wait := 10 * time.Second
	var f *fault.Error
	if errors.As(err, &f) && f.RetryAfter > 0 {
		wait = f.RetryAfter
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

// receipt proves that a token's form was shown.
func (h *Handler) receipt(token string) string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte("survey receipt\x00" + token))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// redirect leads to the same path with another query, so that reloading and going back send nothing again. It is relative: a
// proxy may have moved the path.
func redirect(w http.ResponseWriter, query url.Values) {
	w.Header().Set("Location", "?"+query.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// readForm reads a POST's form; a status other than 0 is why it could not.
func readForm(w http.ResponseWriter, r *http.Request) (form, int) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return form{}, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		return form{}, http.StatusRequestEntityTooLarge
	}
	f, err := parseForm(string(body))
	if err != nil {
		return form{}, http.StatusBadRequest
	}
	return f, 0
}

// device is the kind of device by what the browser says of itself. Nothing else of it is kept.
func device(agent string) string {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(agent, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("iPad", "Tablet", "Kindle", "Silk/"), has("Android") && !has("Mobile"):
		return "tablet"
	case has("Mobi", "iPhone", "Android"):
		return "phone"
	case has("Windows NT", "Macintosh", "X11", "CrOS"):
		return "desktop"
	}
	return "other"
}
