package lexer

import "strings"

// tokenKind tells tokens apart as far as the test does that compares them with Postgres's.
type tokenKind uint8

const (
	tokenUnsure tokenKind = iota // an error of Postgres's, or something that is left to it
	tokenEnd
	tokenWord    // identifier or keyword
	tokenQuoted  // "identifier"
	tokenUQuoted // U&"identifier"
	tokenString  // '...', E'...', $$...$$
	tokenUString // U&'...'
	tokenBits    // B'...'
	tokenHex     // X'...'
	tokenInteger // an integer that fits int4
	tokenNumber  // any other number
	tokenParam   // $1
	tokenOp      // an operator of the lexer's own making
	tokenOther   // one character, or one of :: .. := => <= >= <> !=
	tokenBlock   // /* */
	tokenLine    // --
)

// token is one token or comment of the text: its bytes are text[start:end].
type token struct {
	kind       tokenKind
	hole       Kind // 0 for none
	start, end int
}

// scanner reads one text from left to right. No byte is looked at more than a fixed number of times, but for runs of operator characters that
// hold comments, which Postgres also reads again and again: see operator.
type scanner struct {
	text string
	at   int
	wide bool // a byte above 127 was seen
}

// Classes of bytes: what a token begins with, and what goes on with it.
const (
	classOther uint8 = iota
	classSpace
	classLetter // of an identifier: its first byte
	classDigit
	classOperator
	classSelf // one-character tokens that are no operator characters
)

var classes = func() (t [256]uint8) {
	for c := range t {
		switch b := byte(c); {
		case b == ' ' || b == '\t' || b == '\n' || b == '\f' || b == '\r': // not \v: versions differ
			t[c] = classSpace
		case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80:
			t[c] = classLetter
		case b >= '0' && b <= '9':
			t[c] = classDigit
		case strings.IndexByte("~!@#^&|`?+-*/%<>=", b) >= 0:
			t[c] = classOperator
		case strings.IndexByte(",()[];", b) >= 0:
			t[c] = classSelf
		}
	}
	return t
}()

func isLetter(c byte) bool { return classes[c] == classLetter }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// peek returns the byte n after the next one; 0, which no accepted text holds, behind the end.
func (s *scanner) peek(n int) byte {
	if s.at+n < len(s.text) {
		return s.text[s.at+n]
	}
	return 0
}

func (s *scanner) make(kind tokenKind, hole Kind, start int) token {
	return token{kind: kind, hole: hole, start: start, end: s.at}
}

// one makes a token of the next n bytes.
func (s *scanner) one(n int) token {
	s.at += n
	return s.make(tokenOther, 0, s.at-n)
}

// next returns the next token or comment. Behind tokenUnsure there is none.
func (s *scanner) next() token {
	for s.at < len(s.text) && classes[s.text[s.at]] == classSpace {
		s.at++
	}
	if s.at == len(s.text) {
		return token{kind: tokenEnd}
	}
	c := s.text[s.at]
	switch classes[c] {
	case classLetter:
		return s.word(c)
	case classDigit:
		return s.number()
	case classOperator:
		return s.operator(c)
	case classSelf:
		return s.one(1)
	}
	switch c {
	case '\'':
		return s.quoted(String, s.at)
	case '"':
		return s.identifier(s.at, tokenQuoted)
	case '$':
		return s.dollar()
	case '.':
		switch n := s.peek(1); {
		case isDigit(n):
			return s.number()
		case n == '.':
			return s.one(2)
		}
		return s.one(1)
	case ':':
		if n := s.peek(1); n == ':' || n == '=' {
			return s.one(2)
		}
		return s.one(1)
	}
	return token{}
}

// word reads an identifier, a keyword, or what a letter before a quote begins.
func (s *scanner) word(c byte) token {
	start := s.at
	switch n := s.peek(1); {
	case n == '\'':
		switch c {
		case 'e', 'E':
			s.at++
			return s.escaped(start)
		case 'b', 'B':
			s.at++
			return s.bits(start, tokenBits)
		case 'x', 'X':
			s.at++
			return s.bits(start, tokenHex)
		case 'n', 'N': // the word NCHAR; the string comes next
			s.at++
			return s.make(tokenWord, 0, start)
		}
	case n == '&' && (c == 'u' || c == 'U'):
		switch s.peek(2) {
		case '\'':
			s.at += 2
			t := s.quoted(0, start)
			if t.kind != tokenUnsure {
				t.kind = tokenUString
			}
			return t
		case '"':
			s.at += 2
			return s.identifier(start, tokenUQuoted)
		}
	}
	for s.at < len(s.text) {
		c := s.text[s.at]
		if c >= 0x80 {
			s.wide = true
		}
		if k := classes[c]; k != classLetter && k != classDigit && c != '$' {
			break
		}
		s.at++
	}
	return s.make(tokenWord, 0, start)
}

// identifier reads a quoted one, from its quote on.
func (s *scanner) identifier(start int, kind tokenKind) token {
	first := s.at + 1
	if !s.toQuote('"') || s.at == first+1 {
		return token{} // unterminated, or empty
	}
	return s.make(kind, 0, start)
}

// toQuote passes a quoted piece in which a doubled quote stands for one, from its first quote to behind its last; false when there is none.
func (s *scanner) toQuote(quote byte) bool {
	for s.at++; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c == quote:
			s.at++
			if s.peek(0) != quote {
				return true
			}
		case c >= 0x80:
			s.wide = true
		case c == 0:
			return false
		}
	}
	return false
}

// quoted reads a string without escapes, from its quote on.
func (s *scanner) quoted(hole Kind, start int) token {
	if !s.toQuote('\'') || s.continued() {
		return token{}
	}
	return s.make(tokenString, hole, start)
}

// escaped reads what follows the letter of E'...'. Of escapes it accepts those that give one ASCII character.
func (s *scanner) escaped(start int) token {
	hole := Escaped
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\'':
			s.at++
			if s.peek(0) == '\'' {
				continue
			}
			if s.continued() {
				return token{}
			}
			return s.make(tokenString, hole, start)
		case c == '\\':
			s.at++
			switch e := s.peek(0); {
			case e == '\\':
			case e == 'n' || e == 't' || e == 'r' || e == 'b' || e == 'f' || e == 'v' || e == '"' || e == '/':
				hole = 0
			default:
				return token{}
			}
		case c >= 0x80:
			s.wide = true
		case c == 0:
			return token{}
		}
	}
	return token{}
}

// bits reads what follows the letter of B'...' or X'...', in which no quote can be doubled.
func (s *scanner) bits(start int, kind tokenKind) token {
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\'':
			s.at++
			if s.peek(0) == '\'' || s.continued() {
				return token{}
			}
			return s.make(kind, 0, start)
		case c >= 0x80:
			s.wide = true
		case c == 0:
			return token{}
		}
	}
	return token{}
}

// continued tells whether a string goes on in another one behind a line break, which is left to Postgres.
func (s *scanner) continued() bool {
	newline := false
	for i := s.at; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '\n' || c == '\r':
			newline = true
		case classes[c] == classSpace:
		case c == '\'':
			return newline
		case c == '-' && i+1 < len(s.text) && s.text[i+1] == '-':
			if i = lineEnd(s.text, i); i == len(s.text) {
				return false
			}
			newline = true
		default:
			return false
		}
	}
	return false
}

func lineEnd(text string, i int) int {
	for i < len(text) && text[i] != '\n' && text[i] != '\r' {
		i++
	}
	return i
}

// dollar reads a parameter or a dollar-quoted string.
func (s *scanner) dollar() token {
	start, i := s.at, s.at+1
	if isDigit(s.peek(1)) {
		for i < len(s.text) && isDigit(s.text[i]) {
			i++
		}
		if i-start > 6 || i < len(s.text) && isLetter(s.text[i]) {
			return token{} // out of range, or junk behind it
		}
		s.at = i
		return s.make(tokenParam, 0, start)
	}
	for i < len(s.text) && (isLetter(s.text[i]) || isDigit(s.text[i])) {
		s.wide = s.wide || s.text[i] >= 0x80
		i++
	}
	if i == len(s.text) || s.text[i] != '$' {
		return token{}
	}
	tag := s.text[start : i+1]
	n := strings.Index(s.text[i+1:], tag)
	if n < 0 || strings.IndexByte(s.text[i+1:i+1+n], 0) >= 0 {
		return token{}
	}
	s.wide = true // not looked at
	s.at = i + 1 + n + len(tag)
	return s.make(tokenString, 0, start)
}
