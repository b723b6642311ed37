package words_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/survey/words"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"Write to jane.o'neil+x@mail.example.co.uk please":              "Write to [e-mail] please",
		"Call me on +49 (0)30 1234567 or 555-123-4567.":                 "Call me on [number] or [number].",
		"My card 4111 1111 1111 1111 was charged twice":                 "My card [card number] was charged twice",
		"My card 4111 1111 1111 1112 was not":                           "My card [number] was not",
		"IBAN DE89 3704 0044 0532 0130 00, thanks":                      "IBAN [account], thanks",
		"Order 12345 came on 2026-11-25 at 10:30":                       "Order 12345 came on 2026-11-25 at 10:30",
		"It was 25.11.2026 and I paid 1,299.00 for 2 bags":              "It was 25.11.2026 and I paid 1,299.00 for 2 bags",
		"Customer number 00123456789 waits":                             "Customer number [number] waits",
		"I live at 221b Baker Street, send it there":                    "I live at [address], send it there",
		"Ich wohne Hauptstraße 5 in Köln":                               "Ich wohne [address] in Köln",
		"Habite 12 rue de la Paix à Paris":                              "Habite [address] à Paris",
		"waited 45 minutes, 3 transfers, 2 calls, gate 17, flight 1234": "waited 45 minutes, 3 transfers, 2 calls, gate 17, flight 1234",
		"رقم هاتفي ٠١٢ ليس هنا":                                         "رقم هاتفي ٠١٢ ليس هنا",
		"":                                                              "",
	} {
		if got := words.Redact(in); got != want {
			t.Errorf("%q\n gives %q\n  want %q", in, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("a@b.example 4111 1111 1111 1111 +49 30 1234567")
	f.Fuzz(func(t *testing.T, text string) {
		once := words.Redact(text)
		if twice := words.Redact(once); twice != once {
			t.Errorf("%q becomes %q, and that %q", text, once, twice)
		}
		run := 0
		for _, r := range once {
			if r < '0' || r > '9' {
				run = 0
			} else if run++; run >= 7 {
				t.Errorf("%q keeps seven digits in a row: %q", text, once)
			}
		}
	})
}

func TestSentiment(t *testing.T) {
	sentiments := words.NewSentiments()
	// In order, from the worst to the best, as a reader would put them.
	ordered := []string{
		"Third time I call, still not resolved. Terrible, I gave up!",
		"I was on hold for an hour and then transferred.",
		"I waited a bit.",
		"The form has two pages.",
		"It was sorted out.",
		"Quick and friendly, my problem was resolved right away. Excellent!",
	}
	last := -1001
	for _, s := range ordered {
		v, ok := sentiments.Of(s, "en-GB")
		if !ok || v < last || v < -1000 || v > 1000 {
			t.Errorf("%q: %d after %d (%v)", s, v, last, ok)
		}
		last = v
	}
	if v, _ := sentiments.Of(ordered[0], "en"); v > -500 {
		t.Errorf("the worst is %d", v)
	}
	if v, _ := sentiments.Of(ordered[5], "en"); v < 500 {
		t.Errorf("the best is %d", v)
	}
	for text, language := range map[string]string{"Sehr gut": "de", "": "en", "!!! 🙂": "ja", " … ": "en"} {
		if v, ok := sentiments.Of(text, language); ok || v != 0 {
			t.Errorf("%q in %s: %d", text, language, v)
		}
	}
}

// The scores that VADER's authors publish for their examples, with the words of service not among them.
func TestSentimentIsVADER(t *testing.T) {
	sentiments := words.NewSentiments()
	for text, want := range map[string]int{
		"VADER is smart, handsome, and funny.":        832,
		"VADER is VERY SMART, handsome, and FUNNY!!!": 934,
		"VADER is not smart, handsome, nor funny.":    -742,
		"The book was good.":                          440,
		"At least it isn't a horrible book.":          431,
		"The plot was good, but the characters are uncompelling and the dialog is not great.": -704,
		"Today SUX!": -546,
	} {
		if v, _ := sentiments.Of(text, "en"); v < want-1 || v > want+1 {
			t.Errorf("%q: %d, want %d", text, v, want)
		}
	}
}

func themes() *words.Finder {
	return words.NewFinder([]words.Theme{
		{ID: "wait", Words: map[string][]string{"en": {"wait", "on hold", "queue"}, "de": {"wart*", "schlange"}}},
		{ID: "price", Words: map[string][]string{"en": {"expensive", "overcharge", "price"}, "de": {"teuer", "preis*"}}},
		{ID: "staff", Words: map[string][]string{"en": {"agent", "staff", "rude"}, "de": {"mitarbeiter*"}}},
	})
}

func TestThemes(t *testing.T) {
	f := themes()
	for _, x := range []struct{ text, language, want string }{
		{"I waited and waited, ON HOLD for ages.", "en", "wait"},
		{"The agents were rude; prices are too high", "en-US", "price staff"},
		{"They hold the line", "en", ""},
		{"Zu lange gewartet? Nein: Wartezeit war kurz, aber zu teuer.", "de", "price wait"},
		{"Die Mitarbeiterin war nett", "de-AT", "staff"},
		{"I waited", "de", ""},
		{"waiting", "ja", ""},
		{"", "en", ""},
	} {
		if got := strings.Join(f.Find(x.text, x.language), " "); got != x.want {
			t.Errorf("%q in %s: %q, want %q", x.text, x.language, got, x.want)
		}
	}
}

// A theme is found wherever its word stands, in whatever case, and never in a text that has none of its stems.
func TestThemesEverywhere(t *testing.T) {
	f := themes()
	filler := []string{"the", "train", "came", "blue", "lamp", "on", "hold", "very"}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom(filler), 0, 12).Draw(rt, "text")
		before := f.Find(strings.Join(text, " "), "en")
		at := rapid.IntRange(0, len(text)).Draw(rt, "at")
		with := slices.Insert(slices.Clone(text), at, rapid.SampledFrom([]string{"Overcharged!", "(overcharging)", "OVERCHARGES"}).Draw(rt, "word"))
		after := f.Find(strings.Join(with, " "), "en")
		if slices.Contains(before, "price") || !slices.Contains(after, "price") {
			rt.Fatalf("%q has %v, %q has %v", text, before, with, after)
		}
	})
}

func TestWordsThatStandOut(t *testing.T) {
	var among, beside []string
	for i := range 200 {
		among = append(among, fmt.Sprintf("the agent was polite number %d", i%7))
		beside = append(beside, fmt.Sprintf("the agent was polite number %d", i%7))
		if i%4 == 0 {
			among[i] += " but the parking was full"
		}
		if i%50 == 0 {
			beside[i] += " but the parking was full"
		}
	}
	got := words.StandOut(among, beside, "en", 5)
	if len(got) == 0 || got[0].Among < 50 || got[0].Beside > 4 {
		t.Fatalf("%+v", got)
	}
	for _, d := range got {
		if slices.Contains([]string{"agent", "polit", "number", "the"}, d.Stem) {
			t.Errorf("%+v does not stand out", d)
		}
	}
	if got := words.StandOut(beside, beside, "en", 5); got != nil {
		t.Errorf("the same texts differ: %+v", got)
	}
	if got := words.StandOut(nil, beside, "en", 5); got != nil {
		t.Errorf("%+v", got)
	}
}
