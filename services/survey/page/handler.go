package page

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"

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

// thank writes the last page.
func (h *Handler) thank(w http.ResponseWriter, r *http.Request, status int, v *view, inv *Invitation, receipt string, fields map[string][]string, wrong bool) {
	v.thank(inv.Survey, inv, fields, wrong)
	v.Keep = template.URL("&done=" + receipt) // hexadecimal digits
	v.Hidden = append(v.Hidden, hidden{"receipt", receipt})
	h.write(w, r, status, v)
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
