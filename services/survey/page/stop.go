package page

import (
	"errors"
	"io"
	"net/http"
)

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
