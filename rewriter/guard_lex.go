package rewriter

import "strings"

// The lexical rules of src/backend/parser/scan.l, as far as they decide where a token ends.

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isIdentStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isIdentPart(c byte) bool { return isIdentStart(c) || c >= '0' && c <= '9' || c == '$' }

func isOperatorChar(c byte) bool {
	switch c {
	case '~', '!', '@', '#', '^', '&', '|', '`', '?', '+', '-', '*', '/', '%', '<', '>', '=':
		return true
	}
	return false
}

func (g *inputGuard) lineComment() {
	n := strings.IndexAny(g.sql[g.at:], "\r\n")
	if n < 0 {
		g.at = len(g.sql)
		return
	}
	g.at += n
}

// blockComment passes a comment, in which comments nest.
func (g *inputGuard) blockComment() string {
	for depth := 0; g.at < len(g.sql); {
		rest := g.sql[g.at:]
		switch {
		case strings.HasPrefix(rest, "/*"):
			if depth++; depth > maxCommentNesting {
				return whyComments
			}
			if !g.operatorRun() {
				return whyRuns
			}
			g.at += 2
		case strings.HasPrefix(rest, "*/"):
			g.at += 2
			if depth--; depth == 0 {
				return ""
			}
		default:
			// A byte at least; then on to what may begin or end a comment.
			n := strings.IndexAny(rest[1:], "/*")
			if n < 0 {
				g.at = len(g.sql)
				return ""
			}
			g.at += 1 + n
		}
	}
	return ""
}

// operatorRun adds the work that Postgres's lexer spends at a place where an operator or comment begins: it matches all
// operator characters that follow, then gives back what it does not need, and so reads "+-+-+-" and "/**//**/" in quadratic time.
// It returns false when that is far more than the text is long.
func (g *inputGuard) operatorRun() bool {
	if g.runEnd <= g.at {
		g.runEnd = g.at
		for g.runEnd < len(g.sql) && isOperatorChar(g.sql[g.runEnd]) {
			g.runEnd++
		}
	}
	g.work += g.runEnd - g.at
	return g.work <= 4*len(g.sql)+4096
}

// operatorToken passes one operator: up to a comment, and without trailing + and - unless it holds
// a character that standard SQL's operators do not have (Postgres manual, "Operators").
// It returns false when operatorRun does.
func (g *inputGuard) operatorToken() bool {
	if !g.operatorRun() {
		return false
	}
	token := g.sql[g.at:g.runEnd]
	for i := 1; i < len(token); i++ {
		if strings.HasPrefix(token[i:], "--") || strings.HasPrefix(token[i:], "/*") {
			token = token[:i]
		}
	}
	if len(token) > 1 && !strings.ContainsAny(token, "~!@#^&|`?%") {
		token = token[:1] + strings.TrimRight(token[1:], "+-")
	}
	g.at += len(token)
	return true
}

// skipQuoted passes the rest of a string or identifier in which a doubled quote stands for one. Two such strings in a
// row are as good as one with a doubled quote in it.
func (g *inputGuard) skipQuoted(quote byte) {
	n := strings.IndexByte(g.sql[g.at:], quote)
	if n < 0 {
		g.at = len(g.sql)
		return
	}
	g.at += n + 1
}

// skipEscapeString passes the rest of an E” string and the strings that continue it after a line break, which have its rules.
func (g *inputGuard) skipEscapeString() {
	for g.at < len(g.sql) {
		switch g.sql[g.at] {
		case '\\':
			g.at += 2
		case '\'':
			g.at++
			if g.at < len(g.sql) && g.sql[g.at] == '\'' {
				g.at++
			} else if !g.continued() {
				return
			}
		default:
			g.at++
		}
	}
	g.at = min(g.at, len(g.sql))
}

// continued looks for a quote behind white space and line comments with a line break among them, and passes it.
func (g *inputGuard) continued() bool {
	end, newline := g.at, false
	for g.at < len(g.sql) {
		switch c := g.sql[g.at]; {
		case c == '\n' || c == '\r':
			newline = true
			g.at++
		case isSpace(c):
			g.at++
		case g.follows("--"):
			g.lineComment()
		case c == '\'' && newline:
			g.at++
			return true
		default:
			g.at = end
			return false
		}
	}
	g.at = end
	return false
}

// dollar passes a parameter or a dollar-quoted string.
func (g *inputGuard) dollar() {
	end := g.at + 1
	for end < len(g.sql) && isIdentPart(g.sql[end]) && g.sql[end] != '$' {
		end++
	}
	if end == len(g.sql) || g.sql[end] != '$' || end > g.at+1 && g.sql[g.at+1] >= '0' && g.sql[g.at+1] <= '9' {
		g.at++
		return
	}
	tag := g.sql[g.at : end+1]
	g.at = end + 1
	n := strings.Index(g.sql[g.at:], tag)
	if n < 0 {
		g.at = len(g.sql)
		return
	}
	g.at += n + len(tag)
}

// number passes digits, and an exponent with its sign.
func (g *inputGuard) number() {
	digits := func() {
		for g.at < len(g.sql) && (g.sql[g.at] >= '0' && g.sql[g.at] <= '9' || g.sql[g.at] == '.') {
			g.at++
		}
	}
	digits()
	rest := g.sql[g.at:]
	if len(rest) >= 3 && rest[0]|0x20 == 'e' && (rest[1] == '+' || rest[1] == '-') && rest[2] >= '0' && rest[2] <= '9' {
		g.at += 2
		digits()
	}
}
