package page

import (
	"errors"
	"net/http"
	"net/url"
)

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
