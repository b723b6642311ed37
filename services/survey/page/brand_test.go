package page_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	survey "github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/page/pagetest"
)

func TestBrand(t *testing.T) {
	for colour, refused := range map[string]string{
		"#0f4c5c":   "",
		"#7a1fa2":   "",
		"#b3261e":   "",
		"#000000":   "",
		"#ffe600":   "#ffe600 reaches 1.27:1 against the white page, and needs 3:1",
		"#ffffff":   "#ffffff reaches 1.00:1 against the white page, and needs 3:1",
		"#33aa55":   "#33aa55 reaches 2.99:1 against the white page, and needs 3:1",
		"red":       `"red" is no colour`,
		"#12345":    `"#12345" is no colour`,
		"#1234567":  `"#1234567" is no colour`,
		"#12345g":   `"#12345g" is no colour`,
		"0f4c5c":    `"0f4c5c" is no colour`,
		"#+12345":   `"#+12345" is no colour`,
		"#0f4c5c;}": `"#0f4c5c;}" is no colour`,
	} {
		b, err := survey.NewBrand(colour)
		if refused == "" {
			if err != nil || b.Light != colour {
				t.Errorf("%s: %+v, %v", colour, b, err)
			}
			continue
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || !strings.Contains(f.Message, refused) || f.Violations[0].Remedy == "" {
			t.Errorf("%s: %v, want %q", colour, err, refused)
		}
	}
	if got := survey.Contrast("#000000", "#ffffff"); got != 21 {
		t.Errorf("black on white: %v", got)
	}
	s := pagetest.Short()
	s.Brand, _ = survey.NewBrand("#7a1fa2")
	sit(t, s).Shows(200, "--b:#7a1fa2;")
}

// Whatever colour is taken is read in both themes.
func TestBrandsReachContrast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		colour := fmt.Sprintf("#%06x", rapid.IntRange(0, 0xffffff).Draw(t, "colour"))
		b, err := survey.NewBrand(colour)
		if err != nil {
			// Refused only for its own edge or text on white: the dark one is ours to choose.
			if c := survey.Contrast(colour, "#ffffff"); c >= 4.5 {
				t.Fatalf("%s at %v:1 is refused: %v", colour, c, err)
			}
			return
		}
		for _, pair := range []struct {
			a, b  string
			least float64
		}{{b.Light, "#ffffff", 3}, {b.Light, b.OnLight, 4.5}, {b.Dark, "#14171a", 3}, {b.Dark, b.OnDark, 4.5}} {
			if c := survey.Contrast(pair.a, pair.b); c < pair.least {
				t.Fatalf("%s: %s on %s is %v:1", colour, pair.a, pair.b, c)
			}
		}
	})
}
