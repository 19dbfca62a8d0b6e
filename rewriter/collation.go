package rewriter

import (
	"hash/fnv"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// Collations. Two texts whose collations differ, neither being the default nor chosen by COLLATE at this place, cannot be compared: Postgres says so
// (42P22) not when it reads the statement but on the first rows that it compares, whatever they hold, or when the planner tries the comparison on
// statistics. On a table where the tenant has no such rows the error tells that others have. So what could compare texts of two collations is not harmless.

// Collations are told apart by their oids, of which Postgres fixes these (pg_collation.dat). The default gives way to every other, and counts as none.
const (
	noCollation    = 0
	cCollation     = 950 // also that of the type name
	posixCollation = 951
	anyCollation   = ^uint32(0)
	oidName        = 19
)

// joinCollations is the collation of what is computed of two values; clash tells that there may be none.
func joinCollations(a, b uint32) (c uint32, clash bool) {
	switch {
	case a == noCollation:
		return b, false
	case b == noCollation, a == b && a != anyCollation:
		return a, false
	}
	return anyCollation, !omitted("collations that differ")
}

// collate gives a weight the collation of an expression over two others.
func (w weight) collate(l, r weight) weight {
	w.clash = l.clash || r.clash
	switch {
	case l.explicit:
		w.collation, w.explicit = l.collation, true
	case r.explicit:
		w.collation, w.explicit = r.collation, true
	default:
		var clash bool
		w.collation, clash = joinCollations(l.collation, r.collation)
		w.clash = w.clash || clash
	}
	w.harmless = w.harmless && !w.clash
	return w
}

// part is the weight of one of several values that stand beside each other: a COLLATE on one of them says nothing of the others.
func (w weight) part() weight {
	w.explicit = false
	return w
}

// uncollated is the weight of a value that is no text.
func (w weight) uncollated() weight {
	w.collation, w.explicit = noCollation, false
	return w
}

func (w weight) withCollation(c uint32) weight {
	w.collation, w.explicit = c, false
	return w
}

// namedCollation is the collation that a COLLATE clause names. Snapshots hold no collations: others than Postgres's own are told apart by their names.
func namedCollation(c *pg.CollateClause) uint32 {
	names := namesOf(c.Collname)
	if n := len(names); n == 1 || names[n-2] == "pg_catalog" {
		switch names[n-1] {
		case "C":
			return cCollation
		case "POSIX":
			return posixCollation
		case "default":
			return noCollation
		}
	}
	h := fnv.New32a()
	h.Write([]byte(strings.Join(names, "\x00"))) // never fails
	return h.Sum32() | 1<<31                     // no oid that a server is likely to have reached
}

// typeCollation is the collation of a value that has just become one of a type.
func (p *pass) typeCollation(oid, before uint32) uint32 {
	switch t := p.cat.TypeByOID[oid]; {
	case !p.collatable(oid):
		return noCollation
	case oid == oidName:
		return cCollation
	case t == nil || t.Schema != "pg_catalog" || t.Category == 'P':
		return anyCollation
	}
	return before
}

// collatable tells whether values of a type could have a collation.
func (p *pass) collatable(oid uint32) bool {
	t := p.cat.TypeByOID[oid]
	for range maxDepth {
		if t == nil || t.Category != 'A' || t.Element == 0 {
			break
		}
		t = p.cat.TypeByOID[t.Element]
	}
	switch {
	case t == nil:
		return true
	case t.Name == "anyrange", t.Name == "anymultirange": // no range has one itself
		return false
	case t.Schema != "pg_catalog":
		return t.Kind != 'e' && t.Kind != 'c'
	}
	return t.Category == 'S' || t.Category == 'P' || t.Category == 'X'
}

// collationOf is the collation of a column, which also where a join has merged it is that of one of its sides.
func (it *item) collationOf(name string) uint32 {
	if col := it.column(name); col != nil {
		return col.collation
	}
	var c uint32
	found := false
	for _, side := range it.joined {
		if side.columns == nil && side.joined == nil {
			return anyCollation
		}
		if side.columns == nil || side.column(name) != nil {
			c, _ = joinCollations(c, side.collationOf(name))
			found = true
		}
	}
	if !found {
		return anyCollation
	}
	return c
}

// columnCollation is the collation of a column of a temporary table that a text makes.
func (p *pass) columnCollation(c *pg.ColumnDef) uint32 {
	if c.CollClause != nil {
		return namedCollation(c.CollClause)
	}
	if t := p.findType(namesOf(c.TypeName.GetNames())); t != nil {
		return p.typeCollation(t.OID, noCollation)
	}
	return anyCollation
}

// castCollation is the collation behind a cast.
func (p *pass) castCollation(c *pg.TypeCast, before uint32) uint32 {
	t := p.findType(namesOf(c.TypeName.GetNames()))
	if t == nil {
		return anyCollation
	}
	return p.typeCollation(t.OID, before)
}

// callCollation is the collation of a function's result; before is that of its arguments.
func (p *pass) callCollation(f *pg.FuncCall, before uint32) uint32 {
	builtin := len(f.Funcname) == 2 && f.Funcname[0].GetString_().GetSval() == "pg_catalog"
	collatable := false
	for schema, s := range p.cat.Schemas {
		if builtin && schema != "pg_catalog" {
			continue
		}
		for _, o := range s.Functions[opName(f.Funcname)] {
			if builtin && o.Return == oidName {
				return cCollation
			}
			collatable = collatable || p.collatable(o.Return)
		}
	}
	switch {
	case !collatable:
		return noCollation
	case builtin:
		return before
	}
	return anyCollation
}

// collatableOperator tells whether values that an operator of this name computes could have a collation.
func (p *pass) collatableOperator(op string) bool {
	known := false
	for _, s := range p.cat.Schemas {
		for _, o := range s.Operators[op] {
			if known = true; p.collatable(o.Result) {
				return true
			}
		}
	}
	return !known
}

func (p *pass) paramCollation(n int32) uint32 {
	types := p.req.ParamTypes
	if p.preparing {
		types = p.declared
	}
	if i := int(n) - 1; i >= 0 && i < len(types) && types[i] != 0 && types[i] != oidUnknown {
		return p.typeCollation(types[i], noCollation)
	}
	return noCollation
}

func valueCollation(f *pg.SQLValueFunction) uint32 {
	switch f.Op {
	case pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE, pg.SQLValueFunctionOp_SVFOP_CURRENT_USER, pg.SQLValueFunctionOp_SVFOP_USER,
		pg.SQLValueFunctionOp_SVFOP_SESSION_USER, pg.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG, pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:
		return cCollation
	}
	return noCollation
}

// queryCollation is the collation of what a sub-select returns: of all its columns together, because which is compared with which is not looked at.
func (p *pass) queryCollation(s *pg.SelectStmt) uint32 {
	if s == nil {
		return anyCollation
	}
	if s.Op != pg.SetOperation_SETOP_NONE {
		c, _ := joinCollations(p.queryCollation(s.Larg), p.queryCollation(s.Rarg))
		return c
	}
	sc := p.levels[s]
	if sc == nil || len(s.ValuesLists) > 0 {
		return anyCollation
	}
	cols := p.outputColumns(s.TargetList, sc)
	if cols == nil {
		return anyCollation
	}
	var c uint32
	for i := range cols {
		c, _ = joinCollations(c, cols[i].collation)
	}
	return c
}

// weighSubLink: its own level is guarded by itself, and running it costs more than an operator.
func (p *pass) weighSubLink(l *pg.SubLink, sc *scope) weight {
	w := p.weigh(l.Testexpr, sc)
	if l.SubLinkType != pg.SubLinkType_EXISTS_SUBLINK {
		w = w.and(weightless.withCollation(p.queryCollation(l.Subselect.GetSelectStmt())))
	}
	w = w.unfolded()
	w.risk = w.risk.least(1)
	if n := len(l.Testexpr.GetRowExpr().GetArgs()); l.Testexpr != nil {
		w.risk += risk(max(n, 1))
	}
	w = w.call(len(l.OperName) == 0 || p.harmlessOp(l.OperName), false)
	if l.Testexpr != nil || l.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK {
		return w.uncollated()
	}
	return w
}

// clashes tells whether the planner could find no collation for a comparison of these that it tries on statistics.
func (p *pass) clashes(sc *scope, operands ...*pg.Node) bool {
	w := weightless
	for _, n := range operands {
		w = w.and(p.weigh(n, sc))
	}
	return w.clash
}

// mergesCollations denies USING and NATURAL over columns of two collations: no guard has a place there.
func (p *pass) mergesCollations(using []*pg.Node, left, right []*item) {
	for _, l := range left {
		for _, c := range l.columns {
			if len(using) > 0 && !slices.ContainsFunc(using, func(n *pg.Node) bool { return n.GetString_().GetSval() == c.name }) {
				continue
			}
			for _, r := range right {
				if o := r.column(c.name); o != nil && c.collation != anyCollation && o.collation != anyCollation {
					if _, clash := joinCollations(c.collation, o.collation); clash {
						p.deny("42P22", ruleEvaluationOrder, "could not determine which collation to use for string comparison",
							"Compare "+c.name+" in ON, and use the COLLATE clause to set the collation explicitly.")
					}
				}
			}
		}
	}
}
