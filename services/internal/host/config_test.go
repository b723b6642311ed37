package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/host"
)

type settings struct {
	Name  string        `yaml:"name"`
	Wait  time.Duration `yaml:"wait_time"`
	N     int           `yaml:"n"`
	Token host.Secret   `yaml:"token"`
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "touchstone.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Defaults give way to the file, and the file to the environment.
func TestSettings(t *testing.T) {
	c, err := host.ReadConfig(file(t, "unit-a:\n  name: file\n  n: 7\n"), []string{"TOUCHSTONE_UNIT_A_N=8", "TOUCHSTONE_UNIT_A_WAIT_TIME=3s", "HOME=/", "TOUCHSTONE_SERVER=x"})
	if err != nil {
		t.Fatal(err)
	}
	s := settings{Name: "default", Wait: time.Second, N: 1}
	if err := c.Section("unit-a", &s); err != nil {
		t.Fatal(err)
	}
	if s.Name != "file" || s.Wait != 3*time.Second || s.N != 8 {
		t.Errorf("%+v", s)
	}
	if err := c.Unused(); err != nil {
		t.Errorf("unused: %v", err)
	}
	// A section that nobody wrote keeps its defaults.
	other := settings{Name: "default"}
	if err := c.Section("unit-b", &other); err != nil || other.Name != "default" {
		t.Errorf("%+v %v", other, err)
	}
}

func TestMistakesInSettings(t *testing.T) {
	for _, c := range []struct {
		yaml, environ, says string
	}{
		{"unit:\n  name: x\n  nmae: y\n", "", `:3: unit has no setting "nmae"; it has n, name, token, wait_time`},
		{"unit:\n  n: many\n", "", ":2: unit.n: "},
		{"unit:\n  wait_time: soon\n", "", ":2: unit.wait_time: "},
		{"", "TOUCHSTONE_UNIT_N=many", "TOUCHSTONE_UNIT_N: "},
		{"unit:\n  token: \"@/no/such/file\"\n", "", "/no/such/file"},
	} {
		conf, err := host.ReadConfig(file(t, c.yaml), []string{c.environ})
		if err != nil {
			t.Fatal(err)
		}
		if err := conf.Section("unit", new(settings)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q %s: %v", c.yaml, c.environ, err)
		}
	}
	for yaml, says := range map[string]string{
		"- a\n- b\n":   ":1: sections are expected",
		"unit: [\n":    "configuration ",
		"just a word ": ":1: sections are expected",
	} {
		if _, err := host.ReadConfig(file(t, yaml), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", yaml, err)
		}
	}
	if _, err := host.ReadConfig("/no/such/file.yaml", nil); err == nil {
		t.Error("a missing file was read")
	}
	if c, err := host.ReadConfig(file(t, "# nothing yet\n"), nil); err != nil || c.Section("unit", new(settings)) != nil {
		t.Errorf("an empty file: %v", err)
	}
}

// What nothing asked for is most likely misspelt.
func TestUnusedSettings(t *testing.T) {
	c, err := host.ReadConfig(file(t, "unit:\n  n: 1\nuint:\n  n: 2\n"), []string{"TOUCHSTONE_UNIT_M=1", "TOUCHSTONE_KEY=tsk_x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Section("unit", new(settings)); err != nil {
		t.Fatal(err)
	}
	err = c.Unused()
	for _, says := range []string{`:4: nothing is called "uint" here`, "TOUCHSTONE_UNIT_M sets nothing"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not in %v", says, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "KEY") {
		t.Error("a variable of the command line's clients is told as unused")
	}
}

// A secret is read, from a file too, and printed nowhere.
func TestSecretsAreHidden(t *testing.T) {
	secret := file(t, "canary-in-a-file\n")
	c, err := host.ReadConfig(file(t, "a:\n  token: canary\nb:\n  token: \"@"+secret+"\"\n"), []string{"TOUCHSTONE_C_TOKEN=canary-in-env"})
	if err != nil {
		t.Fatal(err)
	}
	for section, want := range map[string]string{"a": "canary", "b": "canary-in-a-file", "c": "canary-in-env", "d": ""} {
		var s settings
		if err := c.Section(section, &s); err != nil {
			t.Fatal(err)
		}
		if s.Token.Value() != want {
			t.Errorf("%s: %q", section, s.Token.Value())
		}
		for _, verb := range []string{"%v", "%s", "%+v"} {
			if printed := fmt.Sprintf(verb, s.Token); strings.Contains(printed, "canary") {
				t.Errorf("%s prints %s", verb, printed)
			}
		}
	}
	text, err := c.Effective()
	if err != nil || strings.Contains(text, "canary") || strings.Count(text, "(hidden)") != 3 || !strings.Contains(text, "wait_time: 0s") {
		t.Errorf("%v\n%s", err, text)
	}
}
