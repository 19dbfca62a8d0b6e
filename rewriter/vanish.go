package rewriter

import (
	"maps"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// Calls that vanish. What a condition is written with and what the planner leaves of it are two things, and only what is left counts for its
// weight (order.go):
//
//   - `x = x` becomes `x IS NOT NULL`, which costs no more than x (process_equivalence); NOT makes an equality of `<>` before that. Servers from 18
//     on take two scans of a table that are joined by its key for one, after which `f(a.n) = f(b.n)` is such a thing.
//   - `int4(x)` can be a cast in the notation of a call (func_get_detail), and one that costs nothing where x is of the type, or its binary form is.
//   - A function in SQL is replaced by its body, which can be its argument, or have no use for it. Others may be declared to cost next to nothing.

// couldBecomeNullTest tells whether the planner may find the two sides of an equality to be the same.
func (p *pass) couldBecomeNullTest(e *pg.A_Expr, sc *scope) bool {
	switch opName(e.Name) {
	case "=", "<>", "*=", "*<>": // those that oprcanmerge holds for, and their negators
	default:
		return false
	}
	l, plainL := p.baseColumns(e.Lexpr, sc)
	r, plainR := p.baseColumns(e.Rexpr, sc)
	return !plainL || !plainR || maps.Equal(l, r)
}

type baseColumn struct {
	relation uint32
	name     string
}

// baseColumns are the columns of tables that an expression refers to; false when others are among them, behind which can be anything.
func (p *pass) baseColumns(n *pg.Node, sc *scope) (map[baseColumn]bool, bool) {
	found := map[baseColumn]bool{}
	for _, c := range columnRefs(n) {
		col, owners := p.resolve(c, sc)
		if col == nil || len(owners) != 1 || owners[0].table == nil || owners[0].through != nil || col.unharmless {
			return nil, false
		}
		found[baseColumn{owners[0].table.Relation.OID, col.name}] = true
	}
	return found, true
}

// surelyCalled tells whether a call is one that the planner leaves as it is and that costs no less than an operator.
func (p *pass) surelyCalled(f *pg.FuncCall, sc *scope) bool {
	if omitted("calls that vanish") {
		return true
	}
	name := opName(f.Funcname)
	builtin := len(f.Funcname) == 2 && f.Funcname[0].GetString_().GetSval() == "pg_catalog"
	if len(f.Args) == 1 && p.namesType(f.Funcname) && !(builtin && p.exactBuiltin(name, p.typeOf(f.Args[0], sc))) {
		return false
	}
	if builtin {
		return true
	}
	for schema, s := range p.cat.Schemas {
		if len(f.Funcname) == 2 && schema != f.Funcname[0].GetString_().GetSval() {
			continue
		}
		for _, o := range s.Functions[name] {
			if schema != "pg_catalog" && (o.Language == "sql" || o.Cost < 1) {
				return false
			}
		}
	}
	return true
}

// namesType tells whether a function's name is also one of a type.
func (p *pass) namesType(name []*pg.Node) bool {
	for schema, s := range p.cat.Schemas {
		if (len(name) < 2 || schema == name[0].GetString_().GetSval()) && s.Types[opName(name)] != nil {
			return true
		}
	}
	return false
}

// exactBuiltin tells whether pg_catalog has a function for exactly this type, which comes before a cast.
func (p *pass) exactBuiltin(name string, arg uint32) bool {
	for _, o := range p.cat.Schemas["pg_catalog"].Functions[name] {
		if arg != 0 && len(o.Args) == 1 && o.Args[0] == arg {
			return true
		}
	}
	return false
}

// comparesRows tells whether a comparison could be one of rows of two types, which fails when the planner tries it: at the first column
// whose types differ, so long as those before it are equal. Rows of one type are compared without harm.
func (p *pass) comparesRows(e *pg.A_Expr, sc *scope) bool {
	if omitted("rows kept from estimates") || !p.rowType(e.Lexpr, sc) && !p.rowType(e.Rexpr, sc) {
		return false
	}
	l, r := p.typeOf(e.Lexpr, sc), p.typeOf(e.Rexpr, sc)
	return l == 0 || l != r
}

// rowType tells whether a value, or one of a list, is a row.
func (p *pass) rowType(n *pg.Node, sc *scope) bool {
	switch v := n.GetNode().(type) {
	case *pg.Node_RowExpr:
		return true
	case *pg.Node_List:
		for _, item := range v.List.Items {
			if p.rowType(item, sc) {
				return true
			}
		}
		return false
	case *pg.Node_AArrayExpr:
		for _, item := range v.AArrayExpr.Elements {
			if p.rowType(item, sc) {
				return true
			}
		}
		return false
	case *pg.Node_TypeCast:
		if len(v.TypeCast.TypeName.GetArrayBounds()) > 0 {
			return false
		}
		t := p.findType(namesOf(v.TypeCast.TypeName.GetNames()))
		return t != nil && p.isRowType(t.OID)
	case *pg.Node_ParamRef:
		i := int(v.ParamRef.Number) - 1
		return i >= 0 && i < len(p.req.ParamTypes) && p.isRowType(p.req.ParamTypes[i])
	}
	return p.isRowType(p.typeOf(n, sc))
}

func (p *pass) isRowType(oid uint32) bool {
	t := p.cat.TypeByOID[oid]
	for range maxDepth {
		if t == nil || t.Kind != 'd' {
			break
		}
		t = p.cat.TypeByOID[t.Base]
	}
	return t != nil && t.Kind == 'c' || oid == oidRecord
}

// Type oids that Postgres fixes (pg_type.dat).
const oidRecord = 2249

// mergesRows denies USING and NATURAL over columns that are rows of different types, as comparesRows tells. No guard has a place there.
func (p *pass) mergesRows(using []*pg.Node, left, right []*item) {
	for _, l := range left {
		for _, c := range l.columns {
			if len(using) > 0 && !slices.ContainsFunc(using, func(n *pg.Node) bool { return n.GetString_().GetSval() == c.name }) {
				continue
			}
			for _, r := range right {
				if o := r.column(c.name); o != nil && o.typ != c.typ && (p.isRowType(c.typ) || p.isRowType(o.typ)) {
					p.deny(stateFeature, ruleEvaluationOrder, "joining by "+c.name+", which is of another row type on either side, is not supported",
						"Compare fields of the rows in ON.")
				}
			}
		}
	}
}
