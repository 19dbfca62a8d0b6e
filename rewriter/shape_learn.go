package rewriter

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy/catalog"
	"pgcordon/rewriter/lexer"
)

// lesson accompanies the planning of a text from which a shape is to be learnt: it finds the roles of the literals before the tree is changed, and
// where they stand once it is printed. Nil is no lesson.
type lesson struct {
	sql      string
	literals []lexer.Literal
	roles    *roles
	index    map[*pg.A_Const]int32
	places   []spot
	// copied is set when a constant of the client's was printed from another node than the one it was parsed into.
	copied bool
	// columns are the types of the columns that literals are compared with or stored in (shape_params.go).
	columns map[*pg.A_Const]uint32
	// params are the constants in whose places parameters may stand.
	params map[*pg.A_Const]bool
}

// begin finds the roles in the tree as it was parsed.
func (l *lesson) begin(tree *pg.ParseResult, cat *catalog.Snapshot) {
	if l == nil {
		return
	}
	if l.roles = rolesOf(tree, l.sql, l.literals, cat); l.roles == nil {
		return
	}
	l.params = paramPlaces(tree)
	l.index, l.columns = map[*pg.A_Const]int32{}, map[*pg.A_Const]uint32{}
	for i, c := range l.roles.nodes {
		if c != nil {
			l.index[c] = int32(i)
		}
	}
}

// printed notes that a constant stands between two bytes of the printed text.
func (l *lesson) printed(c *pg.A_Const, start, end int) {
	if l == nil || l.roles == nil || c.Location <= 0 {
		return
	}
	i, ok := l.index[c]
	if !ok {
		if i, ok := l.roles.at[c.Location]; ok && l.roles.role[i] != roleFixed {
			l.copied = true
		}
		return
	}
	negative := c.Location != l.literals[i].Start
	if negative {
		start++
	}
	l.places = append(l.places, spot{start: int32(start), end: int32(end), literal: i, negative: negative})
}

// learn keeps the shape of a text that has been planned with a lesson, and tells whether there was anything to learn.
func (r *Rewriter) learn(req Request, key []byte, skeleton int, l *lesson, plan *Plan, denial *Denial) (learnt bool) {
	defer func() {
		if v := recover(); v != nil {
			r.opts.Log.Error("learning the shape of a statement panicked", "rule", ruleInternal, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	if l.roles == nil {
		if denial == nil || denial.Rule != ruleSyntax { // of a text that does not parse nothing is known
			r.shapes.never(key[:skeleton])
		}
		return false
	}
	if denial != nil && !decided(denial) || l.copied {
		return false
	}
	v := &variant{plan: plan, denial: denial}
	if denial == nil && !l.settle(v) {
		return false
	}
	known, _ := r.shapes.cache.get(key[:skeleton]).(*shape)
	if known != nil {
		for i, role := range known.roles { // another variant may have found more
			l.roles.role[i] = max(role, l.roles.role[i])
		}
	}
	s := &shape{roles: l.roles.role}
	v.literals, v.places = l.measured(), without(l.places, s.roles)
	if denial == nil {
		v.params = l.parameterised(plan, v.places, r.bound.Catalog)
		v.face = &Plan{Statements: plan.Statements, Tenants: plan.Tenants, Relations: plan.Relations, Fingerprint: plan.Fingerprint}
	}
	look := lookup{sql: l.sql, literals: l.literals, shape: s, key: append([]byte(nil), key[:skeleton]...)}
	if !s.holes() || !r.tried(req, v, s, look) {
		r.shapes.never(key[:skeleton])
		return false
	}
	r.shapes.cache.put(key[:skeleton], s, len(s.roles))
	look.appendVariant()
	r.shapes.cache.put(look.key, v, v.size())
	return true
}

// decided tells whether a denial was the pass's, which knows no more of the literals than their roles say.
func decided(d *Denial) bool {
	switch d.Rule {
	case ruleSyntax, rulePrint, ruleSweep, ruleInternal:
		return false
	}
	return true
}

// settle makes sure where each literal went; false when that cannot be told for all of them.
func (l *lesson) settle(v *variant) bool {
	went := make([]int, len(l.literals))
	for _, p := range l.places {
		lit := l.literals[p.literal]
		if v.plan.SQL[p.start:p.end] != string(lexer.Printed(nil, lit.Kind, l.sql[lit.Start:lit.End])) {
			return false // as -0, which is printed as 0
		}
		went[p.literal]++
	}
	at := newPositions(l.sql)
	v.tenants = make([]int32, len(v.plan.Constants))
	for i, c := range v.plan.Constants {
		v.tenants[i] = -1 // fixed
		for j, lit := range l.literals {
			if l.roles.nodes[j] != nil && l.roles.nodes[j].Location == lit.Start && at.of(int(lit.Start)) == c.Position && went[j] == 0 {
				v.tenants[i] = int32(j)
				went[j] = 1
			}
		}
	}
	for j, n := range went {
		if n == 0 && l.roles.role[j] != roleComment {
			l.roles.role[j] = roleFixed
		}
	}
	return true
}

// without returns the places of the literals that are not fixed.
func without(places []spot, roles []role) []spot {
	var out []spot
	for _, p := range places {
		if roles[p.literal] != roleFixed {
			out = append(out, p)
		}
	}
	return out
}

// holes tells whether a literal can be another one.
func (s *shape) holes() bool {
	for _, role := range s.roles {
		if role != roleFixed {
			return true
		}
	}
	return false
}

func (s *shapes) never(key []byte) { s.cache.put(key, &shape{never: true}, 0) }

// measured are the literals' positions and lengths in characters.
func (l *lesson) measured() []learnt {
	at := newPositions(l.sql)
	out := make([]learnt, len(l.literals))
	for i, lit := range l.literals {
		out[i] = learnt{position: int32(at.of(int(lit.Start))), runes: int32(utf8.RuneCountInString(l.sql[lit.Start:lit.End]))}
	}
	return out
}

func (v *variant) size() int {
	n := entryOverhead + 8*len(v.literals) + 16*len(v.places) + 4*len(v.tenants)
	if v.plan != nil {
		n += v.plan.size
	}
	if v.params != nil {
		n += v.params.plan.size + 16*(len(v.params.values)+len(v.params.kept))
		for _, text := range v.params.kept {
			n += len(text)
		}
	}
	return n
}

// tried plans the text with other literals, in full and by the variant, and tells whether that is the same.
func (r *Rewriter) tried(req Request, v *variant, s *shape, look lookup) bool {
	var b strings.Builder
	at := 0
	for i, lit := range look.literals {
		b.WriteString(look.sql[at:lit.Start])
		b.WriteString(otherLiteral(lit.Kind, look.sql[lit.Start:lit.End], s.roles[i]))
		at = int(lit.End)
	}
	b.WriteString(look.sql[at:])
	req.SQL = b.String()
	other := lookup{sql: req.SQL, shape: s, variant: v}
	key, literals, ok := lexer.Skeleton(req.SQL, appendEnvironment(nil, &req), nil)
	if other.literals = literals; !ok || string(key) != string(look.key) || !other.printable() {
		return false
	}
	want, wantDenial := r.plan(req, nil)
	got, gotDenial := other.whole()
	if reflect.DeepEqual(got, want) && reflect.DeepEqual(gotDenial, wantDenial) {
		return true
	}
	r.opts.Log.Warn("a plan depends on the literals of its statement: it is made anew each time", "rule", ruleInternal)
	return false
}

// otherLiteral is a literal of the same kind and, unless it is free, of the same class; a fixed one stays.
func otherLiteral(kind lexer.Kind, text string, as role) string {
	var others []string
	switch {
	case as == roleFixed:
		return text
	case kind == lexer.Comment && text[0] == '-':
		return "-- ü"
	case kind == lexer.Comment:
		return "/* ü */"
	case kind == lexer.Int4:
		others = []string{"7", "1234567"}
	case kind == lexer.Int8:
		others = []string{"3000000000", "9000000000000000007"}
	case kind == lexer.Numeric:
		others = []string{"0.5", "1234.56789"}
	default:
		others = []string{`zü''q`, `tü''q`, ` `, ``, `z\\z`, `t\\z`, `z\\\\`, `t\\\\`, `z\\`, `t\\`, `\x41`, `z\134`, `t\134`, `\x\134`}
	}
	best := text
	for _, o := range others {
		if kind == lexer.String {
			o = "'" + strings.ReplaceAll(o, `\\`, `\`) + "'"
		}
		if kind == lexer.Escaped {
			o = "E'" + strings.ReplaceAll(strings.ReplaceAll(o, `\\`, `\`), `\`, `\\`) + "'"
		}
		if o == text || as != roleFree && !sameClass(kind, o, text) {
			continue
		}
		if best = o; len(o) != len(text) {
			break // positions move
		}
	}
	return best
}

func sameClass(kind lexer.Kind, a, b string) bool {
	if kind != lexer.String && kind != lexer.Escaped {
		return true
	}
	return textClass(lexer.Value(nil, kind, a)) == textClass(lexer.Value(nil, kind, b))
}
