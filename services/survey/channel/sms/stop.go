package sms

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// stopWords end all messages when they are the whole of a reply: those that providers in North America must know, and what people write in
// the interface's languages. Without accents, in lower case, without spaces.
var stopWords = []string{
	"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "remove", // en
	"stopp", "abmelden", "abbestellen", "beenden", "austragen", // de
	"arret", "arreter", "desabonner", "desinscrire", "resilier", // fr
	"baja", "parar", "cancelar", "alto", "detener", // es
	"ferma", "basta", "cancella", "disiscrivi", "annulla", // it
	"afmelden", "uitschrijven", "stoppen", "beeindigen", // nl
	"anuluj", "wypisz", "rezygnuje", "koniec", "zatrzymaj", // pl
	"sair", "remover", "pare", // pt
	"ايقاف", "توقف", "قف", "الغاء", "اوقف", "اوقفوا", // ar
}

// Stops tells whether a reply asks for no more messages: one of the words alone, however it is written, or a few that begin with "stop". When
// in doubt it does not: a sentence may be an answer.
func Stops(reply string) bool {
	if len(reply) > 200 {
		return false
	}
	words := strings.FieldsFunc(bare(reply), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 || len(words) > 3 {
		return false
	}
	return slices.Contains(stopWords, strings.Join(words, "")) || words[0] == "stop" || words[0] == "stopp"
}

// bare writes a text without accents, in lower case.
func bare(text string) string {
	fold := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), runes.Remove(runes.In(unicode.Cf)), cases.Fold())
	out, _, err := transform.String(fold, text)
	if err != nil {
		return ""
	}
	return strings.NewReplacer("ł", "l", "ـ", "").Replace(out)
}
