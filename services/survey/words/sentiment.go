package words

import (
	"math"
	"strings"

	"github.com/jonreiter/govader"
)

// The words of service, which VADER's lexicon of social media lacks or reads otherwise, from −4 (worst) to 4.
var service = map[string]float64{
	"waited": -1.2, "waiting": -1.2, "wait": -0.8, "queue": -0.8, "queued": -1.2, "slow": -1.6, "delay": -1.6, "delayed": -1.8,
	"transferred": -1.3, "unresolved": -2.2, "unanswered": -1.8, "voicemail": -0.8, "disconnected": -2, "refund": -0.6,
	"overcharged": -2.4, "cancelled": -1, "complaint": -1.4, "unhelpful": -2.2, "incompetent": -2.8, "robotic": -1.2, "scripted": -1.2,
	"expensive": -1.4, "repeat": -0.8, "confusing": -1.8, "dirty": -2, "broken": -1.9, "crowded": -1.2, "overpriced": -2,
	"resolved": 1.8, "sorted": 1.5, "fixed": 1.4, "quick": 1.6, "quickly": 1.6, "fast": 1.5, "prompt": 1.6, "promptly": 1.6, "knowledgeable": 2,
	"professional": 1.6, "courteous": 2, "efficient": 1.9, "smooth": 1.5, "clean": 1.5, "spotless": 2.2, "attentive": 1.7, "seamless": 1.9,
}

// Phrases of more than one word, read as one.
var phrases = map[string]float64{
	"still not": -1.8, "still no": -1.8, "third time": -1.8, "second time": -1.2, "fourth time": -2, "on hold": -1.4, "hung up": -2.2, "cut off": -2,
	"no one": -1.2, "nobody answered": -2.2, "no answer": -1.6, "call back": -0.4, "called back": 0.2, "never called": -2.2, "no reply": -1.8,
	"too long": -1.8, "so long": -1.2, "gave up": -2, "passed around": -2, "ran around": -1.8, "waste of": -2.4, "first time": 0.6,
	"sorted out": 1.7, "in no time": 1.8, "right away": 1.6, "straight away": 1.6, "at once": 1.2, "above and beyond": 2.8,
}

// Sentiments tells how texts sound. It is safe for concurrent use.
type Sentiments struct {
	vader *govader.SentimentIntensityAnalyzer
}

// NewSentiments reads the lexicon, which takes some milliseconds.
func NewSentiments() *Sentiments {
	a := govader.NewSentimentIntensityAnalyzer()
	for w, v := range service {
		a.Lexicon[w] = v
	}
	for p, v := range phrases {
		a.Lexicon[joined(p)] = v
	}
	return &Sentiments{a}
}

func joined(phrase string) string { return strings.ReplaceAll(phrase, " ", "_") }

// Of tells how a text sounds, in thousandths from −1,000 (worst) to 1,000, by VADER (Hutto and Gilbert 2014) with the words
// of service. ok is false for languages other than English, whose words it does not know, and for texts without a word.
func (s *Sentiments) Of(text, language string) (thousandths int, ok bool) {
	if base(language) != "en" || !strings.ContainsFunc(text, isWord) {
		return 0, false
	}
	text = strings.Join(strings.Fields(text), " ")
	lower := strings.ToLower(text)
	for p := range phrases {
		for {
			at := strings.Index(lower, p)
			if at < 0 || len(lower) != len(text) {
				break
			}
			text = text[:at] + joined(text[at:at+len(p)]) + text[at+len(p):]
			lower = lower[:at] + joined(p) + lower[at+len(p):]
		}
	}
	return int(math.Round(s.vader.PolarityScores(text).Compound * 1000)), true
}

// base returns the language of a tag without its region ("pt-BR" → "pt").
func base(tag string) string {
	tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
	return tag
}
