package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// screen prints the tour. It writes colour only to a terminal.
type screen struct {
	w     io.Writer
	color bool
	width int // columns
}

const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

const defaultWidth = 100

func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: defaultWidth}
	if f, ok := w.(*os.File); ok {
		if columns := terminalWidth(f); columns > 0 {
			s.width = columns
			s.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		}
	}
	return s
}

// terminalWidth returns how many columns the terminal f has, 0 when f is no terminal. /dev/null is a character device too, so the
// file's mode does not tell.
func terminalWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 {
		return defaultWidth
	}
	return int(size.Col)
}

func isTerminal(f *os.File) bool { return terminalWidth(f) > 0 }

func (s *screen) paint(style, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (s *screen) line(format string, args ...any) { fmt.Fprintf(s.w, format+"\n", args...) }

func (s *screen) heading(number int, title string) {
	s.line("")
	s.line("%s", s.paint(bold, fmt.Sprintf("%d. %s", number, title)))
	s.line("")
}

// statement prints SQL behind the tenant that sends it.
func (s *screen) statement(who, sql string) {
	prompt := who + "=> "
	for i, l := range strings.Split(sql, "\n") {
		if i > 0 {
			prompt = strings.Repeat(" ", len(who)) + "-> "
		}
		s.line("  %s%s", s.paint(cyan, prompt), l)
	}
}

// text prints lines of an answer, long ones folded.
func (s *screen) text(text string) {
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		for _, part := range s.fold(l) {
			s.line("  %s", part)
		}
	}
}

// fold breaks a line that is too long for the screen at spaces; what follows the first part is set in.
func (s *screen) fold(line string) []string {
	const margin, indent = 2, "    "
	var parts []string
	for utf8.RuneCountInString(line) > s.width-margin {
		runes := []rune(line)
		cut := strings.LastIndexByte(string(runes[:s.width-margin+1]), ' ')
		if cut <= len(indent) {
			break // one long word
		}
		parts = append(parts, strings.TrimRight(line[:cut], " "))
		line = indent + strings.TrimLeft(line[cut:], " ")
	}
	return append(parts, line)
}

func (s *screen) ok(format string, args ...any) {
	s.line("  %s %s", s.paint(green, "ok"), fmt.Sprintf(format, args...))
}

func (s *screen) failed(err error) {
	for i, l := range strings.Split(err.Error(), "\n") {
		mark := "      "
		if i == 0 {
			mark = s.paint(red, "FAILED")
		}
		s.line("  %s %s", mark, l)
	}
}

func (s *screen) table(t *demoTable) {
	for _, l := range t.lines() {
		s.line("  %s", l)
	}
}

// sideBySide prints two tables beside each other under their captions, or one below the other when the screen is too narrow.
func (s *screen) sideBySide(leftCaption string, left *demoTable, rightCaption string, right *demoTable) {
	a, b := left.lines(), right.lines()
	width := utf8.RuneCountInString(leftCaption)
	for _, l := range a {
		width = max(width, utf8.RuneCountInString(l))
	}
	const gap = 4
	widest := utf8.RuneCountInString(rightCaption)
	for _, l := range b {
		widest = max(widest, utf8.RuneCountInString(l))
	}
	if 2+width+gap+widest > s.width {
		s.line("  %s", s.paint(bold, leftCaption))
		s.table(left)
		s.line("  %s", s.paint(bold, rightCaption))
		s.table(right)
		return
	}
	pad := func(text string) string {
		return strings.Repeat(" ", width+gap-utf8.RuneCountInString(text))
	}
	s.line("  %s%s%s", s.paint(bold, leftCaption), pad(leftCaption), s.paint(bold, rightCaption))
	for i := range max(len(a), len(b)) {
		var l, r string
		if i < len(a) {
			l = a[i]
		}
		if i < len(b) {
			r = b[i]
		}
		s.line("  %s", strings.TrimRight(l+pad(l)+r, " "))
	}
}

// demoTable is what a query returned, or something shaped like it.
type demoTable struct {
	columns []string
	numeric []bool // right-aligned; may be shorter than columns
	rows    [][]string
}

// lines lays the table out as psql does.
func (t *demoTable) lines() []string {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = utf8.RuneCountInString(c)
	}
	for _, row := range t.rows {
		for i, v := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(v))
		}
	}
	rules := make([]string, len(widths))
	for i, w := range widths {
		rules[i] = strings.Repeat("-", w+2)
	}
	lines := []string{t.row(t.columns, widths), strings.Join(rules, "+")}
	for _, row := range t.rows {
		lines = append(lines, t.row(row, widths))
	}
	return append(lines, "("+rowCount(len(t.rows))+")")
}

func rowCount(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func (t *demoTable) row(values []string, widths []int) string {
	cells := make([]string, len(values))
	for i, v := range values {
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(v))
		if i < len(t.numeric) && t.numeric[i] {
			cells[i] = " " + space + v + " "
		} else {
			cells[i] = " " + v + space + " "
		}
	}
	return strings.TrimRight(strings.Join(cells, "|"), " ")
}
