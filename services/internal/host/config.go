package host

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// Config is raw settings by section: each thing that is configured decodes its own section over its own defaults, so that
// no central struct grows. A section's field may be overridden by TOUCHSTONE_<SECTION>_<FIELD>.
type Config struct {
	file     string
	sections map[string]*yaml.Node
	env      map[string]string

	mu   sync.Mutex
	used map[string]any // section → effective value
}

// EnvPrefix begins every variable that sets something.
const EnvPrefix = "TOUCHSTONE_"

// reserved are variables of the command line's clients.
func reserved() []string { return []string{"SERVER", "KEY", "ORGANISATION", "URL"} }

// ReadConfig reads a YAML file ("" for none) and the environment ("NAME=value").
func ReadConfig(file string, environ []string) (*Config, error) {
	c := &Config{file: file, sections: map[string]*yaml.Node{}, env: map[string]string{}, used: map[string]any{}}
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok && strings.HasPrefix(k, EnvPrefix) {
			if k = strings.TrimPrefix(k, EnvPrefix); !slices.Contains(reserved(), k) {
				c.env[k] = v
			}
		}
	}
	if file == "" {
		return c, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return c, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: sections are expected, as \"name:\" with indented settings", file, root.Line)
	}
	for i := 0; i < len(root.Content); i += 2 {
		name, n := root.Content[i], root.Content[i+1]
		if c.sections[name.Value] != nil {
			return nil, fmt.Errorf("%s:%d: %s occurs twice", file, name.Line, name.Value)
		}
		if n.Kind != yaml.MappingNode && n.Tag != "!!null" {
			return nil, fmt.Errorf("%s:%d: settings are expected under %q, indented, as \"name: value\"", file, n.Line, name.Value)
		}
		c.sections[name.Value] = n
	}
	return c, nil
}

// Section decodes a section over the defaults in *into, a struct with yaml tags. An unknown key is an error with its line.
func (c *Config) Section(section string, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("configuration %s: a pointer to a struct is needed", section)
	}
	fields := map[string]reflect.Value{}
	for i := range v.Elem().NumField() {
		name, _, _ := strings.Cut(v.Elem().Type().Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = v.Elem().Field(i)
		}
	}
	if n := c.sections[section]; n != nil {
		given := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			f, ok := fields[key.Value]
			if !ok {
				return fmt.Errorf("%s:%d: %s has no setting %q; it has %s", c.file, key.Line, section, key.Value, strings.Join(sorted(fields), ", "))
			}
			if given[key.Value] {
				return fmt.Errorf("%s:%d: %s.%s occurs twice", c.file, key.Line, section, key.Value)
			}
			given[key.Value] = true
			if err := n.Content[i+1].Decode(f.Addr().Interface()); err != nil {
				return fmt.Errorf("%s:%d: %s.%s: %w", c.file, key.Line, section, key.Value, err)
			}
		}
	}
	for name, f := range fields {
		key := strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(section + "_" + name))
		if s, ok := c.env[key]; ok {
			if err := yaml.Unmarshal([]byte(s), f.Addr().Interface()); err != nil {
				return fmt.Errorf("%s%s: %w", EnvPrefix, key, err)
			}
			c.mu.Lock()
			delete(c.env, key)
			c.mu.Unlock()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[section] = reflect.ValueOf(into).Elem().Interface()
	return nil
}

func sorted(m map[string]reflect.Value) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Unused reports sections and variables that nothing asked for: most likely misspelt.
func (c *Config) Unused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for name, n := range c.sections {
		if _, ok := c.used[name]; !ok {
			errs = append(errs, fmt.Errorf("%s:%d: nothing is called %q here", c.file, n.Line, name))
		}
	}
	for name := range c.env {
		errs = append(errs, fmt.Errorf("%s%s sets nothing", EnvPrefix, name))
	}
	return errors.Join(errs...)
}

// Effective returns the settings in force as YAML, secrets hidden.
func (c *Config) Effective() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := yaml.Marshal(c.used)
	return string(b), err
}

// Secret is a setting that is never printed. "@FILE" reads it from a file.
type Secret struct{ value string }

// Value returns the secret.
func (s Secret) Value() string { return s.value }

// String hides it.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return "(hidden)"
}

// MarshalYAML hides it.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalYAML reads it.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	s.value = n.Value
	if name, ok := strings.CutPrefix(n.Value, "@"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s.value = strings.TrimSpace(string(b))
	}
	return nil
}
