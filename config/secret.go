package config

import (
	"fmt"
	"log/slog"
)

// Secret is a text that is never printed: not by fmt with any verb, not by JSON, YAML or slog.
// The text stands behind a pointer because %p prints a struct's fields without asking Format.
type Secret struct{ text *string }

func newSecret(text string) Secret { return Secret{text: &text} }

const redacted = "[hidden]"

// Reveal returns the text. Its callers are the places where a secret leaves the configuration.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a text.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// IsSecret has yamlpos mask the text wherever it shows a line of the file.
func (s Secret) IsSecret() {}

// UnmarshalText takes the text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = newSecret(string(text))
	return nil
}

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns a fixed text.
func (s Secret) String() string { return redacted }

// MarshalText implements encoding.TextMarshaler, which JSON and YAML use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
