package lexer

import "unicode/utf8"

// Kind is what a literal is. It stands in skeletons.
type Kind byte

// The kinds of literals that become holes. Each is written in a canonical form: other forms, as 0x1F or 1e5 or B'1', stay part of the skeleton.
const (
	// String is '...', without a continuation on another line. Its bytes are also how the value is printed.
	String Kind = 's'
	// Escaped is E'...' that holds no escape but a doubled backslash.
	Escaped Kind = 'e'
	// Int4 and Int8 are decimal integers without leading zeros that fit these types, without regard to a minus before them.
	Int4 Kind = 'i'
	Int8 Kind = 'j'
	// Numeric is decimal digits with a point among them.
	Numeric Kind = 'n'
	// Comment is /* ... */ without another one in it, or -- up to the end of the line.
	Comment Kind = 'c'
)

// Literal is a hole's content in one text: its bytes are text[Start:End], with quotes.
type Literal struct {
	Kind       Kind
	Start, End int32
}

const (
	// MaxBytes bounds the texts that are looked at; for longer ones the parser's cost is not what counts.
	MaxBytes = 256 << 10
	// MaxLiterals bounds the holes of a skeleton.
	MaxLiterals = 4096
)

// Skeleton appends the text's skeleton to key and its literals to literals. It returns false for a text that it does not accept; what it has
// appended is then worthless.
func Skeleton(text string, key []byte, literals []Literal) ([]byte, []Literal, bool) {
	if len(text) > MaxBytes {
		return key, literals, false
	}
	s := scanner{text: text}
	copied := 0
	for {
		t := s.next()
		if t.kind == tokenEnd {
			break
		}
		if t.kind == tokenUnsure {
			return key, literals, false
		}
		if t.hole == 0 {
			continue
		}
		if len(literals) == MaxLiterals {
			return key, literals, false
		}
		key = append(key, text[copied:t.start]...)
		key = append(key, 0, byte(t.hole))
		copied = t.end
		literals = append(literals, Literal{Kind: t.hole, Start: int32(t.start), End: int32(t.end)})
	}
	if s.wide && !utf8.ValidString(text) {
		return key, literals, false
	}
	return append(key, text[copied:]...), literals, true
}

// Value appends the value of a String or Escaped literal as the parser would give it, from its text with quotes.
func Value(dst []byte, kind Kind, text string) []byte {
	if kind == Escaped {
		text = text[1:]
	}
	text = text[1 : len(text)-1]
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\'' || c == '\\' && kind == Escaped {
			i++ // doubled
		}
		dst = append(dst, c)
	}
	return dst
}

// Printed appends a literal as a string constant without escapes, or as it is when it is a number.
func Printed(dst []byte, kind Kind, text string) []byte {
	if kind != Escaped {
		return append(dst, text...)
	}
	text = text[1:]
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			i++
		}
		dst = append(dst, text[i])
	}
	return dst
}
