package main

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// topLine is a line of the screen; style is an SGR parameter, empty for none.
type topLine struct{ style, text string }

// The table's columns: a width below zero is left-justified.
var topColumns = []struct {
	title string
	width int
	cell  func(*topTenant) string
}{
	{"TENANT", -20, func(t *topTenant) string { return printable(t.name) }},
	{"CONN", 6, func(t *topTenant) string { return fmt.Sprint(t.connections) }},
	{"RUN", 5, func(t *topTenant) string { return fmt.Sprint(t.running) }},
	{"WAIT", 5, func(t *topTenant) string { return fmt.Sprint(t.waiting) }},
	{"SRV", 5, func(t *topTenant) string { return fmt.Sprint(t.servers) }},
	{"STMT/S", 8, func(t *topTenant) string { return amount(t.statements) }},
	{"BUSY%", 7, func(t *topTenant) string { return amount(t.busy * 100) }},
	{"AVG", 8, func(t *topTenant) string { return short(t.average()) }},
	{"ROWS/S", 8, func(t *topTenant) string { return amount(t.rows) }},
	{"BYTES/S", 8, func(t *topTenant) string { return amount(t.bytes) }},
	{"DENIED/S", 9, func(t *topTenant) string { return amount(t.denials) }},
	{"LIMITED/S", 10, func(t *topTenant) string { return amount(t.limited) }},
	{"LONGEST WAIT", 13, func(t *topTenant) string { return short(t.longestWait) }},
}

// shownDenials is how many of the last denials stand below the table.
const shownDenials = 5

// topLines lays a view out for a screen of this size.
func topLines(v topView, width, height int) []topLine {
	if v.now == nil {
		return nil
	}
	p, d := v.now.pool, v.now.data
	paused := ""
	if d["paused"] == "1" {
		paused += ", PAUSED"
	}
	if d["disabled"] == "1" {
		paused += ", DISABLED"
	}
	lines := []topLine{
		{bold, fmt.Sprintf("%s  database %s  %s  sorted by %s (keys: t s r b d l w, q ends)", printable(v.now.version), printable(p["database"]),
			v.now.at.Format(time.TimeOnly), v.order.name)},
		{"", fmt.Sprintf("clients %d of %s   servers %d active, %d idle, %d connecting, %s at most   waiting %s, longest %s%s",
			p.number("cl_active")+p.number("cl_waiting"), d["max_client_connections"], p.number("sv_active"), p.number("sv_idle")+p.number("sv_used"), p.number("sv_login"),
			most(d), p["cl_waiting"], short(time.Duration(p.number("maxwait"))*time.Second+time.Duration(p.number("maxwait_us"))*time.Microsecond), paused)},
		{},
		{"7", topRow(nil)},
	}
	denials := v.now.denials[:min(len(v.now.denials), shownDenials)]
	below := 0
	if len(denials) > 0 {
		below = len(denials) + 2
	}
	room := max(1, height-len(lines)-below-1)
	all := v.all
	all.name = fmt.Sprintf("all %d tenants", len(v.tenants))
	lines = append(lines, topLine{bold, topRow(&all)})
	for i := range v.tenants[:min(len(v.tenants), room)] {
		line := topLine{"", topRow(&v.tenants[i])}
		if t := &v.tenants[i]; t.denials > 0 || t.limited > 0 || t.waiting > 0 {
			line.style = red
		}
		lines = append(lines, line)
	}
	if len(denials) > 0 {
		lines = append(lines, topLine{}, topLine{bold, "refused last"})
		for _, r := range denials {
			lines = append(lines, topLine{"", fmt.Sprintf("%s  %6sx  %s  %s  %s %s  %s  %s", r["last_time"], r["count"], printable(r["tenant"]), printable(r["user"]), r["kind"], r["rule"],
				r["sqlstate"], r["fingerprint"])})
		}
	}
	lines = lines[:min(len(lines), height)]
	for i := range lines {
		lines[i].text = cut(strings.TrimRight(lines[i].text, " "), width)
	}
	return lines
}

// most is how many server connections there may be.
func most(d adminRow) string {
	n := d.number("pool_size") + d.number("reserve_pool_size")
	if limit := d.number("max_connections"); limit > 0 {
		n = min(n, limit)
	}
	return fmt.Sprint(n)
}

// topRow is a row of the table, its titles for nil.
func topRow(t *topTenant) string {
	var b strings.Builder
	for _, c := range topColumns {
		text := c.title
		if t != nil {
			text = c.cell(t)
		}
		pad := strings.Repeat(" ", max(0, max(c.width, -c.width)-utf8.RuneCountInString(text)))
		if c.width < 0 {
			b.WriteString(cut(text, -c.width) + pad + " ")
		} else {
			b.WriteString(pad + text + " ")
		}
	}
	return b.String()
}

// cut shortens a text to so many characters.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	if width < 2 {
		return string(runes[:max(0, width)])
	}
	return string(runes[:width-1]) + "…"
}

// printable replaces what would move the cursor: names come from a configuration, but the terminal obeys whatever it gets.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// amount is a number in at most six characters.
func amount(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 10:
		return fmt.Sprintf("%.1f", n)
	case n < 1e4:
		return fmt.Sprintf("%.0f", n)
	case n < 1e6:
		return fmt.Sprintf("%.1fk", n/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1fM", n/1e6)
	}
	return fmt.Sprintf("%.1fG", n/1e9)
}

// short is a duration in few characters.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%dus", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// topScreen is the terminal while top runs: the other screen of it, without a cursor, and each key at once.
type topScreen struct {
	in, out *os.File
	before  *term.State
	keys    chan byte // closed when there are no more
	color   bool
}

func openTopScreen(in, out *os.File) (*topScreen, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("preparing the terminal: %w", err)
	}
	s := &topScreen{in: in, out: out, before: before, keys: make(chan byte), color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	go s.read() // ends with the process: nothing wakes a read of a terminal
	_, err = out.WriteString("\x1b[?1049h\x1b[?25l")
	return s, err
}

// read passes keys on.
func (s *topScreen) read() {
	defer close(s.keys)
	var b [1]byte
	for {
		if n, err := s.in.Read(b[:]); err != nil || n == 0 {
			return
		}
		s.keys <- b[0]
	}
}

// close gives the terminal back as it was.
func (s *topScreen) close() error {
	_, err := s.out.WriteString("\x1b[?25h\x1b[?1049l")
	if restored := term.Restore(int(s.in.Fd()), s.before); err == nil {
		err = restored
	}
	return err
}

// draw shows a view, and trouble in the last line.
func (s *topScreen) draw(v topView, trouble string) error {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	lines := topLines(v, width, height)
	if trouble != "" {
		lines = append(lines[:min(len(lines), height-1)], topLine{red, cut(printable(trouble), width)})
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if l.style != "" && s.color {
			b.WriteString("\x1b[" + l.style + "m" + l.text + "\x1b[0m")
		} else {
			b.WriteString(l.text)
		}
		b.WriteString("\x1b[K") // what was longer before
	}
	b.WriteString("\x1b[J")
	_, err = s.out.WriteString(b.String())
	return err
}
