package rewriter

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// A sequence is nobody's rows, but its position tells how much all tenants write. So a tenant may draw from the sequences that its tables draw from,
// and read what it drew: nextval, currval and lastval. It may neither set a sequence nor read it as a relation.
//
// A sequence is named by a text, which the server looks up by its search_path. So the text must be a constant; it is looked up here and
// written with its schema.

const hintSequence = "Name a sequence of a table's column by a constant, as in nextval('orders_id_seq')."

// sequenceCall rewrites a call of a function of sequences; false when it is none of the functions that are allowed.
func (p *pass) sequenceCall(f *pg.FuncCall) bool {
	name := ""
	switch parts := f.Funcname; {
	case len(parts) == 1:
		if name = parts[0].GetString_().GetSval(); p.userFunctions(name) != nil {
			return false
		}
	case len(parts) == 2 && parts[0].GetString_().GetSval() == "pg_catalog":
		name = parts[1].GetString_().GetSval()
	}
	args := map[string]int{"nextval": 1, "currval": 1, "lastval": 0, "pg_get_serial_sequence": 2}
	n, ok := args[name]
	if !ok || len(f.Args) != n || addedBuiltin(p.cat, name, n) || f.AggOrder != nil || f.AggFilter != nil || f.Over != nil ||
		f.AggWithinGroup || f.AggStar || f.AggDistinct || f.FuncVariadic {
		return false
	}
	switch name {
	case "nextval":
		p.draws = true
		if p.role != nil && p.role.ReadOnly {
			p.denyAt(f.Location, statePrivilege, ruleReadOnly, "the role "+p.role.Name+" may not draw from sequences", "")
		}
		p.sequenceArgument(f)
	case "currval":
		p.sequenceArgument(f)
	case "pg_get_serial_sequence":
		p.serialSequence(f, false)
	}
	written := f.Funcname
	f.Funcname = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(name)}
	p.sends(f.Location, f.Funcname, written)
	return true
}

// sequenceArgument resolves the argument of nextval or currval: a constant, or pg_get_serial_sequence of constants.
func (p *pass) sequenceArgument(f *pg.FuncCall) {
	if c := f.Args[0].GetFuncCall(); c != nil && p.sequenceCall(c) && c.Funcname[1].GetString_().GetSval() == "pg_get_serial_sequence" {
		p.serialSequence(c, true)
		return
	}
	text, ok := regclassConstant(f.Args[0])
	if !ok {
		p.denyAt(f.Location, statePrivilege, ruleSequence, "a sequence must be named by a constant", hintSequence)
		return
	}
	rel := p.namedRelation(text, f.Location)
	if rel == nil {
		return
	}
	if rel.Kind != catalog.Sequence {
		p.denyAt(f.Location, stateWrongKind, ruleSequence, `"`+rel.Name+`" is not a sequence`, "")
		return
	}
	if !p.drawable(rel) {
		p.denyAt(f.Location, statePrivilege, ruleSequence, "permission denied for sequence "+rel.Name,
			"Only sequences that belong to a column of a table that the policy opens may be used (ALTER SEQUENCE ... OWNED BY makes one), or that a rule of scope global names.")
		return
	}
	name := &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Sval{Sval: &pg.String{Sval: quotedName(rel)}}}}}
	f.Args[0] = &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: name, TypeName: &pg.TypeName{
		Names: []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("regclass")}, Typemod: -1}}}}
}

// drawable tells whether the policy opens the sequence, or a table with a column that it belongs to or whose default draws from it.
func (p *pass) drawable(seq *catalog.Relation) bool {
	return p.bound.OpensSequence(seq) || slices.ContainsFunc(seq.Uses, func(u catalog.SequenceUse) bool { return p.drawnBy(u.Table) })
}

// drawnBy tells whether the session may draw from the sequences of a table; a global table's are for those who may write it.
func (p *pass) drawnBy(table uint32) bool {
	t := p.bound.Table(table)
	switch {
	case t == nil || t.Scope == policy.ScopeDenied:
		return false
	case t.Scope == policy.ScopeGlobal:
		return p.role != nil && p.role.WriteGlobal
	}
	return true
}

// serialSequence resolves the table of pg_get_serial_sequence('table', 'column'). used tells that the sequence is used at once.
func (p *pass) serialSequence(f *pg.FuncCall, used bool) {
	if _, ok := textConstant(f.Args[1]); !ok {
		p.denyAt(f.Location, statePrivilege, ruleSequence, "a table and its column must be named by constants", "")
		return
	}
	p.serialTable(f, used)
	f.Args[1] = &pg.Node{Node: &pg.Node_AConst{AConst: f.Args[1].GetAConst()}}
}

// serialTable resolves the table alone.
func (p *pass) serialTable(f *pg.FuncCall, used bool) {
	table, ok := textConstant(f.Args[0])
	if !ok {
		p.denyAt(f.Location, statePrivilege, ruleSequence, "a table and its column must be named by constants", "")
		return
	}
	rel := p.namedRelation(table, f.Location)
	if rel == nil {
		return
	}
	if !p.open(rel) || used && !p.drawnBy(rel.OID) {
		p.denyAt(f.Location, statePrivilege, ruleRelationDenied, "permission denied for relation "+rel.Name, "")
		return
	}
	f.Args[0] = &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Sval{Sval: &pg.String{Sval: quotedName(rel)}}}}}
}

// namedRelation finds the relation that a text names, as the input function of regclass does.
func (p *pass) namedRelation(text string, loc int32) *catalog.Relation {
	parts, ok := relationName(text)
	if len(parts) == 3 && parts[0] == p.cat.Database {
		parts = parts[1:]
	}
	if !ok || len(parts) > 2 {
		p.denyAt(loc, "42602", ruleRelationUnknown, "invalid name syntax", "")
		return nil
	}
	rv := &pg.RangeVar{Relname: parts[len(parts)-1], Location: loc}
	if len(parts) == 2 {
		rv.Schemaname = parts[0]
	}
	if p.temporary(rv) != nil {
		p.denyAt(loc, stateFeature, ruleSequence, "sequences of temporary tables cannot be named", "")
		return nil
	}
	return p.relation(rv)
}

// relationName takes a name apart: parts with dots between, in lower case unless in double quotes (Postgres manual, "Object Identifier Types").
// A number, which would be an oid, is no name.
func relationName(s string) (parts []string, ok bool) {
	rest := strings.Trim(s, " \t\n\r\v\f")
	for {
		var part string
		if strings.HasPrefix(rest, `"`) {
			end := 1
			for end < len(rest) && (rest[end] != '"' || strings.HasPrefix(rest[end:], `""`)) {
				if rest[end] == '"' {
					end++
				}
				end++
			}
			if end >= len(rest) {
				return nil, false
			}
			part, rest = strings.ReplaceAll(rest[1:end], `""`, `"`), rest[end+1:]
		} else {
			end := strings.IndexAny(rest, ". \t\n\r\v\f\"")
			if end < 0 {
				end = len(rest)
			}
			part, rest = strings.Map(lowerASCII, rest[:end]), rest[end:]
			if strings.Trim(part, "0123456789-") == "" {
				return nil, false
			}
		}
		if part == "" || len(part) > 63 {
			return nil, false
		}
		parts = append(parts, part)
		rest = strings.TrimLeft(rest, " \t\n\r\v\f")
		if rest == "" {
			return parts, true
		}
		if rest[0] != '.' {
			return nil, false
		}
		rest = strings.TrimLeft(rest[1:], " \t\n\r\v\f")
	}
}

func lowerASCII(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// quotedName is the relation's name as a text that the server reads without its search_path.
func quotedName(r *catalog.Relation) string {
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	return quote(r.Schema) + "." + quote(r.Name)
}

// textConstant is the text of a constant, bare or cast to text.
func textConstant(n *pg.Node) (string, bool) {
	s := n.GetAConst().GetSval()
	return s.GetSval(), s != nil
}

// regclassConstant is the text of a constant, bare or cast to regclass, by way of text or not: ('seq'::text)::regclass.
func regclassConstant(n *pg.Node) (string, bool) {
	for range 2 {
		c := n.GetTypeCast()
		if c == nil {
			break
		}
		t := c.TypeName
		names := t.GetNames()
		if len(t.GetTypmods())+len(t.GetArrayBounds()) > 0 || t.GetSetof() || t.GetPctType() || len(names) == 0 || len(names) > 2 ||
			len(names) == 2 && names[0].GetString_().GetSval() != "pg_catalog" {
			return "", false
		}
		switch names[len(names)-1].GetString_().GetSval() {
		case "regclass", "text":
		default:
			return "", false
		}
		n = c.Arg
	}
	return textConstant(n)
}

// noDraw refuses to draw from a sequence in a condition: it would be evaluated on rows of others, and show how many there are.
func (p *pass) noDraw(cond *pg.Node) {
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		if f, ok := m.Interface().(*pg.FuncCall); ok && f.Funcname[len(f.Funcname)-1].GetString_().GetSval() == "nextval" {
			p.denyAt(f.Location, stateFeature, ruleEvaluationOrder, "nextval in a condition is not supported", "Draw the value in a statement of its own.")
		}
		m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case fd.Message() == nil:
			case fd.IsList():
				for i := range v.List().Len() {
					walk(v.List().Get(i).Message())
				}
			default:
				walk(v.Message())
			}
			return p.denial == nil
		})
	}
	walk(cond.ProtoReflect())
}
