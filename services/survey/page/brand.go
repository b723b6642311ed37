package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Brand is an organisation's colour as pages use it: fill of the button, the chosen point and the mark.
type Brand struct {
	Light   string // on white, "#0f4c5c"
	OnLight string // text on it
	Dark    string // the same hue on the dark page
	OnDark  string // text on it
}

const (
	whitePage, darkPage = "#ffffff", "#14171a"
	lightText, darkText = "#ffffff", "#0b1a1e"

	leastText = 4.5 // contrast of text, WCAG 1.4.3
	leastEdge = 3.0 // contrast of an edge, WCAG 1.4.11
)

// defaultBrand is for organisations that set none.
func defaultBrand() Brand {
	return Brand{Light: "#0f4c5c", OnLight: lightText, Dark: "#8fd3e3", OnDark: darkText}
}

// NewBrand makes a brand of one colour as "#0f4c5c". The dark page takes the same hue, lighter. It is refused where its text does
// not reach 4.5:1 or its edge 3:1, in either theme.
func NewBrand(colour string) (Brand, error) {
	c, ok := parseColour(colour)
	if !ok {
		return Brand{}, fault.Field("brand", fmt.Sprintf("%q is no colour", colour), `Write it as "#0f4c5c".`)
	}
	dark := lighter(c)
	b := Brand{Light: c.String(), OnLight: textOn(c), Dark: dark.String(), OnDark: textOn(dark)}
	for _, check := range []struct {
		a, b, what, remedy string
		least              float64
	}{
		{b.Light, whitePage, "against the white page", "Take a darker one", leastEdge},
		{b.Light, b.OnLight, "with text on it", "Take a darker or a lighter one", leastText},
		{b.Dark, darkPage, "lightened, against the dark page", "Take a lighter one", leastEdge},
		{b.Dark, b.OnDark, "lightened, with text on it", "Take a lighter one", leastText},
	} {
		if got := Contrast(check.a, check.b); got < check.least {
			return Brand{}, fault.Field("brand", fmt.Sprintf("%s reaches %.2f:1 %s, and needs %g:1", check.a, got, check.what, check.least), check.remedy+".")
		}
	}
	return b, nil
}

// Contrast returns the contrast of two colours, 1 to 21, by WCAG 2.2 ("contrast ratio"); 1 where one is no colour.
func Contrast(a, b string) float64 {
	x, ok := parseColour(a)
	y, good := parseColour(b)
	if !ok || !good {
		return 1
	}
	high, low := max(x.luminance(), y.luminance()), min(x.luminance(), y.luminance())
	return (high + 0.05) / (low + 0.05)
}

// colour is linear light of red, green and blue, 0 to 1.
type colour [3]float64

func parseColour(s string) (colour, bool) {
	hex, ok := strings.CutPrefix(s, "#")
	n, err := strconv.ParseUint(hex, 16, 32)
	if !ok || len(hex) != 6 || err != nil {
		return colour{}, false
	}
	var c colour
	for i := range c {
		v := float64(n>>(16-8*i)&0xff) / 255
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c, true
}

func (c colour) String() string {
	n := 0
	for _, v := range c {
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		n = n<<8 | int(math.Round(min(max(v, 0), 1)*255))
	}
	return fmt.Sprintf("#%06x", n)
}

func (c colour) luminance() float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }

// textOn returns the text that is read better on a colour.
func textOn(c colour) string {
	if Contrast(c.String(), lightText) >= leastText || Contrast(c.String(), lightText) >= Contrast(c.String(), darkText) {
		return lightText
	}
	return darkText
}

// lighter returns a colour of the same hue that stands out on the dark page: lightness 0.83 in Oklab, and as much of its chroma
// as the screen can show. Björn Ottosson, "A perceptual color space for image processing", 2020.
func lighter(c colour) colour {
	l := math.Cbrt(0.4122214708*c[0] + 0.5363325363*c[1] + 0.0514459929*c[2])
	m := math.Cbrt(0.2119034982*c[0] + 0.6806995451*c[1] + 0.1073969566*c[2])
	s := math.Cbrt(0.0883024619*c[0] + 0.2817188376*c[1] + 0.6299787005*c[2])
	a := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	b := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	const lightness = 0.83
	scale := 1.0
	if chroma := math.Hypot(a, b); chroma > 0.12 {
		scale = 0.12 / chroma // more would glare
	}
	for ; ; scale *= 0.95 {
		l := cube(lightness + scale*(0.3963377774*a+0.2158037573*b))
		m := cube(lightness - scale*(0.1055613458*a+0.0638541728*b))
		s := cube(lightness - scale*(0.0894841775*a+1.2914855480*b))
		out := colour{
			4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
			-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
			-0.0041960863*l - 0.7034186147*m + 1.7076147010*s,
		}
		if scale < 0.01 || min(out[0], out[1], out[2]) >= 0 && max(out[0], out[1], out[2]) <= 1 {
			return out
		}
	}
}

func cube(x float64) float64 { return x * x * x }
