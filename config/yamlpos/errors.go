package yamlpos

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is one mistake in a file.
type Error struct {
	File      string
	Line, Col int // from 1; Col counts characters
	Message   string
	// Source is the line, with secrets masked; empty when there is none.
	Source string
	// Caret is where in Source the caret stands, counted in characters from 0, and Width how many are underlined.
	Caret, Width int
}

// Error returns file:line:col: message, then the line and the caret.
func (e *Error) Error() string {
	head := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Message)
	if strings.TrimSpace(e.Source) == "" {
		return head
	}
	number := fmt.Sprintf("%5d", e.Line)
	var pad strings.Builder
	n := 0
	for _, r := range e.Source {
		if n == e.Caret {
			break
		}
		if r == '\t' {
			pad.WriteRune('\t')
		} else {
			pad.WriteByte(' ')
		}
		n++
	}
	for ; n < e.Caret; n++ {
		pad.WriteByte(' ')
	}
	return fmt.Sprintf("%s\n%s | %s\n%s | %s^%s", head, number, e.Source, strings.Repeat(" ", len(number)), pad.String(),
		strings.Repeat("~", max(0, e.Width-1)))
}

// Errors are the mistakes of one or more files, in the order of their lines.
type Errors []*Error

// Error returns every mistake, one after the other.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i := range e {
		texts[i] = e[i].Error()
	}
	return strings.Join(texts, "\n")
}

// span is a part of the source that must not be shown: characters [start, end) of a line, end -1 for up to its end.
type span struct{ line, start, end int }

const mask = "****"

// show returns a source line with the masked parts replaced, and where the given column of it has moved to.
func show(line string, spans []span, number, col int) (text string, caret int) {
	runes := []rune(line)
	var out []rune
	caret = -1
	for i := 0; i < len(runes); {
		if end, hidden := hiddenUntil(spans, number, i, len(runes)); hidden {
			if caret < 0 && col <= end {
				caret = len(out)
			}
			out = append(out, []rune(mask)...)
			i = end
			continue
		}
		if caret < 0 && i >= col {
			caret = len(out)
		}
		r := runes[i]
		if r != '\t' && !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		out = append(out, r)
		i++
	}
	if caret < 0 {
		caret = len(out)
	}
	return string(out), caret
}

func hiddenUntil(spans []span, line, at, length int) (int, bool) {
	for _, s := range spans {
		if s.line == line && s.start == at {
			if s.end < 0 || s.end > length {
				return length, true
			}
			return max(s.end, at+1), true
		}
	}
	return 0, false
}
