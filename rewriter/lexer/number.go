package lexer

// number reads a number. Postgres refuses one with a letter behind it.
func (s *scanner) number() token {
	start := s.at
	if s.text[s.at] == '0' {
		switch s.peek(1) {
		case 'x', 'X', 'o', 'O', 'b', 'B':
			return s.based(start)
		}
	}
	plain := s.digits() // no underscore
	integer := s.at
	kind, hole := tokenNumber, Numeric
	switch {
	case s.peek(0) == '.' && s.peek(1) == '.' && integer > start: // 1..2 is 1 .. 2
		return s.integer(start, plain)
	case s.peek(0) == '.':
		s.at++
		if isDigit(s.peek(0)) {
			plain = s.digits() && plain && integer > start
		} else {
			plain = false
		}
	default:
		hole = 0
	}
	if c := s.peek(0); c == 'e' || c == 'E' {
		n := 1
		if c := s.peek(1); c == '+' || c == '-' {
			n = 2
		}
		if !isDigit(s.peek(n)) {
			return token{}
		}
		s.at += n
		s.digits()
		hole, plain = 0, false
	} else if s.at == integer {
		if isLetter(c) {
			return token{}
		}
		return s.integer(start, plain)
	}
	if isLetter(s.peek(0)) {
		return token{}
	}
	if !plain || s.text[start] == '0' && integer != start+1 {
		hole = 0
	}
	return s.make(kind, hole, start)
}

// digits passes decimal digits with single underscores between them, and tells whether there was none of those.
func (s *scanner) digits() bool {
	plain := true
	for {
		switch {
		case isDigit(s.peek(0)):
			s.at++
		case s.peek(0) == '_' && isDigit(s.peek(1)):
			plain = false
			s.at++
		default:
			return plain
		}
	}
}

// integer makes a token of the digits since start.
func (s *scanner) integer(start int, plain bool) token {
	digits := s.text[start:s.at]
	if !plain || digits[0] == '0' && len(digits) > 1 {
		return s.make(size(digits), 0, start)
	}
	switch {
	case size(digits) == tokenInteger:
		return s.make(tokenInteger, Int4, start)
	case len(digits) < 19 || len(digits) == 19 && digits <= "9223372036854775807":
		return s.make(tokenNumber, Int8, start)
	}
	return s.make(tokenNumber, 0, start)
}

// size tells whether an integer fits int4.
func size(digits string) tokenKind {
	n := 0
	for i := range len(digits) {
		if digits[i] == '_' {
			continue
		}
		if n = n*10 + int(digits[i]-'0'); n > 1<<31-1 {
			return tokenNumber
		}
	}
	return tokenInteger
}

// based reads a number in hexadecimal, octal or binary digits.
func (s *scanner) based(start int) token {
	base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[s.peek(1)|0x20]
	s.at += 2
	n, any := 0, false
	for {
		c := s.peek(0)
		if c == '_' {
			s.at++
			c = s.peek(0)
			if digit(c) >= base {
				return token{}
			}
		}
		d := digit(c)
		if d >= base {
			break
		}
		any = true
		n = min(n*base+d, 1<<40)
		s.at++
	}
	if c := s.peek(0); !any || isLetter(c) || isDigit(c) {
		return token{}
	}
	if n > 1<<31-1 {
		return s.make(tokenNumber, 0, start)
	}
	return s.make(tokenInteger, 0, start)
}

// digit is the value of a digit in any base; 99 for no digit.
func digit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}
