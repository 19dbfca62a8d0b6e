package rewriter

import (
	"sort"
	"strings"
	"unicode/utf8"

	"pgcordon/policy"
)

// Splice returns the plan's SQL for the simple protocol, and for statements that take no parameters in either: each tenant parameter is replaced by
// the tenant's id as a string literal, which Postgres reads as the type of the column beside it.
// Here alone, and in Quick.AppendSplice, a tenant's id becomes part of a text. Both rely on standard_conforming_strings being on upstream,
// where only the quote is special in a literal (Postgres manual, "String Constants").
func (p *Plan) Splice(t policy.TenantID) string {
	if len(p.splices) == 0 {
		return p.SQL
	}
	literal := quote(t)
	var b strings.Builder
	b.Grow(len(p.SQL) + len(p.splices)*len(literal))
	at := 0
	for _, s := range p.splices {
		b.WriteString(p.SQL[at:s.start])
		b.WriteString(s.text(t, literal))
		at = s.end
	}
	b.WriteString(p.SQL[at:])
	return b.String()
}

// Prepared returns the plan's SQL for Parse.
func (p *Plan) Prepared(t policy.TenantID) string {
	if p.Spliced {
		return p.Splice(t)
	}
	return p.SQL
}

// Appended are the parameters that each Bind is to carry behind the client's.
func (p *Plan) Appended() []TenantParam {
	if p.Spliced {
		return nil
	}
	return p.Tenants
}

// text is what stands in the place for a tenant whose id as a literal is given.
func (s *splice) text(t policy.TenantID, literal string) string {
	if s.channel == "" {
		return literal
	}
	return `"` + Channel(t, s.channel) + `"`
}

func quote(t policy.TenantID) string { return string(appendQuoted(nil, t)) }

func appendQuoted(dst []byte, t policy.TenantID) []byte {
	dst = append(dst, '\'')
	id := t.String()
	for i := range len(id) {
		if id[i] == '\'' {
			dst = append(dst, '\'')
		}
		dst = append(dst, id[i])
	}
	return append(dst, '\'')
}

// ClientPosition turns a position in p.SQL, as Postgres reports it for the extended protocol, into the position in the client's text of
// what stands there; 0 when nothing of the client's does.
func (p *Plan) ClientPosition(position int) int {
	return p.clientPosition(byteOffset(p.SQL, position))
}

// ClientPositionSpliced is ClientPosition for a position in p.Splice(t).
func (p *Plan) ClientPositionSpliced(position int, t policy.TenantID) int {
	at := byteOffset(p.Splice(t), position)
	if at < 0 {
		return 0
	}
	longer := 0 // how much longer the text is, up to here, than p.SQL
	literal := quote(t)
	for _, s := range p.splices {
		if at-longer < s.start {
			break
		}
		n := len(s.text(t, literal))
		if at-longer < s.start+n {
			return 0
		}
		longer += n - (s.end - s.start)
	}
	return p.clientPosition(at - longer)
}

// ClientPositionPrepared is ClientPosition for a position in p.Prepared(t).
func (p *Plan) ClientPositionPrepared(position int, t policy.TenantID) int {
	if p.Spliced {
		return p.ClientPositionSpliced(position, t)
	}
	return p.ClientPosition(position)
}

// clientPosition finds what stands at a byte offset of p.SQL. Of nodes that begin there the innermost counts, which was printed last:
// the outer ones may have begun with a parenthesis in the client's text.
func (p *Plan) clientPosition(at int) int {
	if i := p.originAt(at); i >= 0 {
		return int(p.origins[i].in)
	}
	return 0
}

// originAt is the index of the origin at a byte offset of p.SQL; -1 for none.
func (p *Plan) originAt(at int) int {
	if at < 0 {
		return -1
	}
	i := sort.Search(len(p.origins), func(i int) bool { return int(p.origins[i].out) > at }) - 1
	if i >= 0 && int(p.origins[i].out) == at {
		return i
	}
	return -1
}

// byteOffset turns a 1-based count of characters into a byte offset; -1 when the text is shorter.
func byteOffset(text string, position int) int {
	if position < 1 {
		return -1
	}
	at := 0
	for range position - 1 {
		if at >= len(text) {
			return -1
		}
		_, n := utf8.DecodeRuneInString(text[at:])
		at += n
	}
	return at
}

// clientOrigins turns the byte offsets of the client's text into positions as Postgres counts them.
func clientOrigins(origins []origin, sql string) []origin {
	out := make([]origin, 0, len(origins))
	at := newPositions(sql)
	for _, o := range origins {
		if int(o.in) <= len(sql) {
			out = append(out, origin{o.out, int32(at.of(int(o.in)))})
		}
	}
	return out
}

// positions turns byte offsets of a text into 1-based counts of characters, without counting from the start each time.
type positions struct {
	text   string
	before []int // characters before each multiple of stride; nil when every character is a byte
}

const stride = 256

func newPositions(text string) positions {
	p := positions{text: text}
	if utf8.RuneCountInString(text) == len(text) {
		return p
	}
	count := 0
	for at := 0; at <= len(text); at += stride {
		p.before = append(p.before, count)
		count += startsIn(text[at:min(at+stride, len(text))])
	}
	return p
}

func (p positions) of(at int) int {
	if p.before == nil {
		return at + 1
	}
	return p.before[at/stride] + startsIn(p.text[at-at%stride:at]) + 1
}

// startsIn counts the characters that start in a piece of valid UTF-8.
func startsIn(piece string) int {
	n := 0
	for i := range len(piece) {
		if utf8.RuneStart(piece[i]) {
			n++
		}
	}
	return n
}
