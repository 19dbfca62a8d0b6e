package policy

import (
	"fmt"
	"strings"
)

// Pattern matches relations by schema and name; `*` in either stands for any run of characters.
type Pattern struct{ Schema, Name string }

// ParsePattern reads schema.name. Either part may hold `*`, and a part in double quotes is taken as it stands (a dot
// belongs to it, a doubled quote is one). Names are compared as the catalog has them: case matters.
func ParsePattern(s string) (Pattern, error) {
	parts, err := splitName(s)
	if err != nil {
		return Pattern{}, err
	}
	if len(parts) != 2 {
		return Pattern{}, fmt.Errorf("expected schema.name, as public.orders or \"public.*\"")
	}
	return Pattern{Schema: parts[0], Name: parts[1]}, nil
}

// splitName cuts a dotted name into its parts and takes the double quotes off.
func splitName(s string) ([]string, error) {
	var parts []string
	for {
		var part string
		if strings.HasPrefix(s, `"`) {
			var ok bool
			if part, s, ok = cutQuoted(s); !ok {
				return nil, fmt.Errorf("a double quote is not closed")
			}
		} else {
			end := strings.IndexByte(s, '.')
			if end < 0 {
				end = len(s)
			}
			part, s = s[:end], s[end:]
			if strings.ContainsAny(part, "\" \t\r\n\x00") {
				return nil, fmt.Errorf("a name with spaces or quotes stands in double quotes")
			}
		}
		if part == "" {
			return nil, fmt.Errorf("a part of the name is empty")
		}
		parts = append(parts, part)
		if s == "" {
			return parts, nil
		}
		if s[0] != '.' {
			return nil, fmt.Errorf("expected a dot after the closing double quote")
		}
		s = s[1:]
	}
}

// cutQuoted reads a quoted identifier at the start of s.
func cutQuoted(s string) (name, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), s[i+1:], true
	}
	return "", "", false
}

// String returns the pattern as ParsePattern reads it.
func (p Pattern) String() string { return quoteName(p.Schema) + "." + quoteName(p.Name) }

func quoteName(s string) string {
	if strings.ContainsAny(s, ".\" \t\r\n") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// Matches reports whether the relation schema.name is one of the pattern's.
func (p Pattern) Matches(schema, name string) bool {
	return glob(p.Schema, schema) && glob(p.Name, name)
}

// Covers reports whether everything that q matches is matched by p. It is exact for patterns without a star in q,
// and for others it is sound: true is never wrong.
func (p Pattern) Covers(q Pattern) bool {
	return glob(p.Schema, q.Schema) && glob(p.Name, q.Name)
}

// glob matches s against a pattern in which a star stands for any run of characters. A star in s is matched by a
// star of the pattern only, which is what Covers asks.
func glob(pattern, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && pattern[i] == s[j]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}
