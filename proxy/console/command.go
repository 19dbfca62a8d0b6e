package console

import (
	"strings"
)

// command is one command of a client's: its words, in lower case unless they were quoted.
type command struct {
	words []word
}

type word struct {
	text   string
	quoted bool // "name" or 'text'
}

// is reports whether word i is this one, which is in lower case.
func (c command) is(i int, text string) bool {
	return i < len(c.words) && !c.words[i].quoted && c.words[i].text == text
}

// verb is the first word, in upper case.
func (c command) verb() string {
	if len(c.words) == 0 || c.words[0].quoted {
		return ""
	}
	return strings.ToUpper(c.words[0].text)
}

// rest are the words behind the first, with a space between two.
func (c command) rest() string {
	var b strings.Builder
	for i, w := range c.words[1:] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// commands cuts a text into commands at semicolons. Empty ones are left out.
func commands(text string) ([]command, *Error) {
	var list []command
	var now command
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			i++
		case c == ';':
			if len(now.words) > 0 {
				list = append(list, now)
				now = command{}
			}
			i++
		case strings.HasPrefix(text[i:], "--"):
			if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
				i += end
			} else {
				i = len(text)
			}
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i:], "*/")
			if end < 0 {
				return nil, failf(stateSyntax, "unterminated /* comment")
			}
			i += end + 2
		case c == '"' || c == '\'':
			quoted, next, ok := unquote(text, i)
			if !ok {
				return nil, failf(stateSyntax, "unterminated quoted string")
			}
			now.words = append(now.words, word{quoted, true})
			i = next
		case wordByte(c):
			end := i
			for end < len(text) && wordByte(text[end]) {
				end++
			}
			now.words = append(now.words, word{strings.ToLower(text[i:end]), false})
			i = end
		default: // an operator
			now.words = append(now.words, word{string(rune(c)), false})
			i++
		}
	}
	if len(now.words) > 0 {
		list = append(list, now)
	}
	return list, nil
}

// unquote reads a text in quotes that begins at i; a doubled quote stands for one.
func unquote(text string, i int) (value string, next int, ok bool) {
	quote := text[i]
	var b strings.Builder
	for i++; i < len(text); i++ {
		if text[i] != quote {
			b.WriteByte(text[i])
			continue
		}
		if i+1 == len(text) || text[i+1] != quote {
			return b.String(), i + 1, true
		}
		b.WriteByte(quote)
		i++
	}
	return "", 0, false
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '$' || c >= 0x80
}
