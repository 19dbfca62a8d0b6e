package lexer

import "strings"

// maxOperator is the longest operator that Postgres knows, in bytes (NAMEDATALEN).
const maxOperator = 63

// operator reads an operator or a comment. An operator is a run of operator characters up to a comment in it, without trailing + and - unless it
// holds a character that standard SQL's operators do not have (Postgres manual, "Operators").
func (s *scanner) operator(c byte) token {
	start := s.at
	if n := s.peek(1); c == '-' && n == '-' {
		return s.lineComment()
	} else if c == '/' && n == '*' {
		return s.blockComment()
	} else if classes[n] != classOperator {
		s.at++
		if strings.IndexByte("~!@#&|`?", c) >= 0 {
			return s.make(tokenOp, 0, start)
		}
		return s.make(tokenOther, 0, start)
	}
	end := start + 1
	for end < len(s.text) && classes[s.text[end]] == classOperator {
		if rest := s.text[end:min(end+2, len(s.text))]; rest == "--" || rest == "/*" {
			break
		}
		end++
	}
	if end-start > maxOperator {
		return token{}
	}
	token := s.text[start:end]
	if !strings.ContainsAny(token[:len(token)-1], "~!@#^&|`?%") {
		token = token[:1] + strings.TrimRight(token[1:], "+-")
	}
	s.at = start + len(token)
	switch token {
	case "+", "-", "*", "/", "<", ">", "=", "^", "%", "=>", "<=", ">=", "<>", "!=":
		return s.make(tokenOther, 0, start)
	}
	return s.make(tokenOp, 0, start)
}

// lineComment passes a comment up to the end of its line.
func (s *scanner) lineComment() token {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] != '\n' && s.text[s.at] != '\r' {
		if s.text[s.at] == 0 {
			return token{}
		}
		s.wide = s.wide || s.text[s.at] >= 0x80
		s.at++
	}
	return s.make(tokenLine, Comment, start)
}

// blockComment passes a comment. One in which others nest is left to Postgres, and to the guard that counts them.
//
// A run of operator characters that begins with the comment must end in it, or in a space behind it: the guard of the parser counts such
// runs, and what it finds must not depend on what stands in comments.
func (s *scanner) blockComment() token {
	start := s.at
	run := true
	for s.at += 2; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c == '*' && s.peek(1) == '/':
			s.at += 2
			if run {
				return s.make(tokenBlock, 0, start)
			}
			return s.make(tokenBlock, Comment, start)
		case c == '/' && s.peek(1) == '*', c == 0:
			return token{}
		case c >= 0x80:
			s.wide = true
		}
		run = run && classes[c] == classOperator
	}
	return token{}
}
