package page_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

// No language lacks a text, a place in it, or a form that its numbers need.
func TestTexts(t *testing.T) {
	files, err := filepath.Glob("text/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 6 || !slices.Contains(files, filepath.Join("text", "ar.yaml")) {
		t.Errorf("only %v", files)
	}
	read := func(name string) map[string]any {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]any{}
		if err := yaml.Unmarshal(data, &out); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return out
	}
	places := func(s string) []string {
		found := regexp.MustCompile(`\{[a-z]+\}`).FindAllString(s, -1)
		slices.Sort(found)
		return found
	}
	names := []string{"other", "zero", "one", "two", "few", "many"} // by plural.Form
	english := read("text/en.yaml")
	for _, name := range files {
		tag := language.MustParse(strings.TrimSuffix(filepath.Base(name), ".yaml"))
		own := read(name)
		for key := range own {
			if _, ok := english[key]; !ok {
				t.Errorf("%s: %s is not in English", name, key)
			}
		}
		for key, text := range english {
			switch text := text.(type) {
			case string:
				got, ok := own[key].(string)
				if !ok || strings.TrimSpace(got) == "" || !slices.Equal(places(got), places(text)) {
					t.Errorf("%s: %s is %q, in English %q", name, key, own[key], text)
				}
				if strings.Contains(text, "1,000") && !strings.Contains(strings.NewReplacer(",", "", ".", "", "\u202f", "", "\u00a0", "", " ", "").Replace(got), "1000") {
					t.Errorf("%s: %s is %q: where is the number?", name, key, got)
				}
			case map[string]any:
				forms, ok := own[key].(map[string]any)
				if !ok {
					t.Errorf("%s: %s has no forms", name, key)
					continue
				}
				used := map[string]bool{}
				for n := 1; n <= 200; n++ {
					used[names[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]] = true
				}
				for form := range used {
					if got, _ := forms[form].(string); got == "" {
						t.Errorf("%s: %s lacks the form %s", name, key, form)
					}
				}
				if extra := slices.DeleteFunc(slices.Collect(maps.Keys(forms)), func(f string) bool { return used[f] }); len(extra) > 0 {
					t.Errorf("%s: %s has forms that no number takes: %v", name, key, extra)
				}
			}
		}
		if tag != language.English && own["continue"] == english["continue"] {
			t.Errorf("%s is English", name)
		}
	}
}

// Each language is found, written in its direction, and its plural forms come to the page.
func TestLanguagesOfTheInterface(t *testing.T) {
	for lang, want := range map[string]string{
		"en": "8 questions", "de": "8 Fragen", "fr": "8 questions", "es": "8 preguntas", "it": "8 domande", "nl": "8 vragen",
		"pt": "8 perguntas", "pl": "8 pytań", "ar": "8 أسئلة",
	} {
		s := pagetest.Long()
		s.Languages = []string{"en", lang}
		if lang == "en" {
			s.Languages = []string{"en"}
		}
		d := sit(t, s)
		d.Get("?lang=" + lang)
		dir := "ltr"
		if lang == "ar" {
			dir = "rtl"
		}
		d.Shows(200, `<html lang="`+lang+`" dir="`+dir+`">`, want)
	}
	s := pagetest.Branching() // three questions on its first page
	s.Languages = []string{"pl"}
	for i := range s.Questions {
		s.Questions[i].Wordings["pl"] = s.Questions[i].Wordings["en"]
	}
	sit(t, s).Shows(200, ">3 pytania<")
}
