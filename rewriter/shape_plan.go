package rewriter

import (
	"slices"
	"sort"
	"unicode/utf8"

	"pgcordon/policy"
	"pgcordon/rewriter/lexer"
)

// text is the literal's text as the client wrote it.
func (l *lookup) text(i int32) string {
	lit := &l.literals[i]
	return l.sql[lit.Start:lit.End]
}

// measure computes by how many characters the literals up to each one are longer than in the text that the variant was learnt from.
func (l *lookup) measure() {
	l.longer, l.same = l.longer[:0], true
	sum := int32(0)
	for i := range l.literals {
		sum += int32(utf8.RuneCountInString(l.text(int32(i)))) - l.variant.literals[i].runes
		l.longer = append(l.longer, sum)
		l.same = l.same && sum == 0
	}
}

// moved turns a position in the text that the variant was learnt from into the position in this one.
func (l *lookup) moved(position int) int {
	if l.same {
		return position
	}
	i := sort.Search(len(l.literals), func(i int) bool { return int(l.variant.literals[i].position) >= position })
	if i == 0 {
		return position
	}
	return position + int(l.longer[i-1])
}

// whole returns the plan of the text, as planning it in full would.
func (l *lookup) whole() (*Plan, *Denial) {
	v := l.variant
	l.measure()
	if v.denial != nil {
		d := *v.denial
		d.Position = l.moved(d.Position)
		return nil, &d
	}
	p := *v.plan
	sql := make([]byte, 0, len(p.SQL)+len(l.sql)) // is enough: printed literals are no longer than the client's
	p.splices, p.origins = slices.Clone(v.plan.splices), slices.Clone(v.plan.origins)
	at, s, o := int32(0), 0, 0
	for i := range v.places {
		pl := &v.places[i]
		s, o = l.shift(&p, s, o, pl.start, int32(len(sql))-at)
		sql = append(sql, p.SQL[at:pl.start]...)
		sql = lexer.Printed(sql, l.literals[pl.literal].Kind, l.text(pl.literal))
		at = pl.end
	}
	l.shift(&p, s, o, int32(len(p.SQL)), int32(len(sql))-at)
	p.SQL = string(append(sql, p.SQL[at:]...))
	for i := range p.origins {
		p.origins[i].in = int32(l.moved(int(p.origins[i].in)))
	}
	p.names = slices.Clone(p.names)
	for i := range p.names {
		p.names[i].at = l.moved(p.names[i].at)
	}
	p.Params = slices.Clone(p.Params)
	for i := range p.Params {
		p.Params[i].Position = l.moved(p.Params[i].Position)
	}
	p.Constants = slices.Clone(p.Constants)
	for i := range p.Constants {
		p.Constants[i].Position, p.Constants[i].Text = l.moved(p.Constants[i].Position), l.constant(i)
	}
	p.size = planSize(&p)
	return &p, nil
}

// shift moves the splices and origins before the byte end by so many bytes, from the indexes on that it is given, and returns the next.
func (l *lookup) shift(p *Plan, s, o int, end, by int32) (int, int) {
	for ; s < len(p.splices) && p.splices[s].start < int(end); s++ {
		p.splices[s].start += int(by)
		p.splices[s].end += int(by)
	}
	for ; o < len(p.origins) && p.origins[o].out <= end; o++ {
		p.origins[o].out += by
	}
	return s, o
}

// constant is the text of the i-th constant that stands where the tenant's id must.
func (l *lookup) constant(i int) string {
	lit := l.variant.tenants[i]
	if lit < 0 {
		return l.variant.plan.Constants[i].Text
	}
	kind, text := l.literals[lit].Kind, l.text(lit)
	if kind != lexer.String && kind != lexer.Escaped {
		return text
	}
	return string(lexer.Value(nil, kind, text))
}

// appendSplice appends what Splice would return for the whole plan.
func (l *lookup) appendSplice(dst []byte, t policy.TenantID) []byte {
	v, at, s := l.variant, 0, 0
	p := v.plan
	tenants := func(end int) {
		for ; s < len(p.splices) && p.splices[s].start < end; s++ {
			dst = append(dst, p.SQL[at:p.splices[s].start]...)
			dst = appendQuoted(dst, t)
			at = p.splices[s].end
		}
	}
	for i := range v.places {
		pl := &v.places[i]
		tenants(int(pl.start))
		dst = append(dst, p.SQL[at:pl.start]...)
		dst = lexer.Printed(dst, l.literals[pl.literal].Kind, l.text(pl.literal))
		at = int(pl.end)
	}
	tenants(len(p.SQL))
	return append(dst, p.SQL[at:]...)
}
