package channel

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// ReadSecret reads the file that a setting names: the text in it, without space around it. Its errors never quote what it holds.
func ReadSecret(field, path string) (string, error) {
	if path == "" {
		return "", fault.Field(field, "missing", "Name the file that holds the secret.")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		why := "cannot be read"
		if errors.Is(err, fs.ErrNotExist) {
			why = "does not exist"
		}
		return "", fault.Field(field, "the file "+path+" "+why, "Name a file that holds the secret and that this process may read.")
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fault.Field(field, "the file "+path+" is empty", "Put the secret into it.")
	}
	return text, nil
}

// ProviderID keeps another side's id only where it is one: up to 128 printable characters of ASCII without spaces.
func ProviderID(text string) string {
	if len(text) > 128 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return text
}
