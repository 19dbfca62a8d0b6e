package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// Orders that an index computes. `ORDER BY p <-> point '(0,0)' LIMIT 5` walks an index by distance: Postgres then runs the operator on the index's
// keys and rows of all tenants, before any condition, and if it fails on one of them (points too far apart, geometries of two reference systems)
// the error tells of that row. The same index serves DISTINCT, GROUP BY, windows, set operations and min(p <-> ...), in this query or around it. So such an
// operator is kept from indexes wherever it stands, by LEAST around it alone, which is the same value. Those that cannot fail on
// what an index holds keep their index: of texts (pg_trgm), and of vectors, which one index holds of one length.

// nearestOperators are the operators that some index can order by (pg_amop.amoppurpose 'o'), in Postgres and the extensions that clients may use.
var nearestOperators = map[string]bool{
	// Of geometric types, btree_gist, pg_trgm, cube, postgis and vector:
	"<->": true,
	// Of cube, postgis and vector:
	"<#>": true, "<=>": true, "~>": true, "|=|": true, "<<->>": true, "<<#>>": true, "<+>": true, "<~>": true, "<%>": true,
	// Of pg_trgm:
	"<<->": true, "<->>": true, "<<<->": true, "<->>>": true,
}

// unfailingNearest are the extensions whose operators of this kind cannot fail on what an index holds.
var unfailingNearest = map[string]bool{"pg_trgm": true, "vector": true}

// operation walks an operator and its operands, and keeps it from indexes where it must be.
func (p *pass) operation(n *pg.Node, e *pg.A_Expr, sc *scope) {
	p.operatorExpr(e, sc)
	p.keepFromIndex(n, e, sc)
}

// keepFromIndex puts LEAST around an operator by which an index could order rows of other tenants.
func (p *pass) keepFromIndex(n *pg.Node, e *pg.A_Expr, sc *scope) {
	if p.denial != nil || e.Kind != pg.A_Expr_Kind_AEXPR_OP || e.Lexpr == nil || !nearestOperators[opName(e.Name)] || omitted("orders kept from indexes") {
		return
	}
	if len(columnRefs(n)) == 0 || !p.besideOthers(n, sc) || p.nearestCannotFail(e, sc) {
		return
	}
	n.Node = &pg.Node_MinMaxExpr{MinMaxExpr: &pg.MinMaxExpr{
		Op: pg.MinMaxOp_IS_LEAST, Location: -1, Args: []*pg.Node{{Node: &pg.Node_AExpr{AExpr: e}}}}}
}

func (p *pass) nearestCannotFail(e *pg.A_Expr, sc *scope) bool {
	for _, operand := range []*pg.Node{e.Lexpr, e.Rexpr} {
		if operand.GetAConst() == nil && p.unfailingType(p.typeOf(operand, sc)) {
			return true
		}
	}
	for _, s := range p.cat.Schemas {
		for _, o := range s.Operators[opName(e.Name)] {
			if !unfailingNearest[o.Extension] {
				return false
			}
		}
	}
	return true
}

// unfailingType tells whether the operators of this kind for a type cannot fail on what an index holds.
func (p *pass) unfailingType(oid uint32) bool {
	t := p.cat.TypeByOID[oid]
	for range maxDepth {
		if t == nil || t.Kind != 'd' {
			break
		}
		t = p.cat.TypeByOID[t.Base]
	}
	if t == nil {
		return false
	}
	switch t.OID {
	case oidText, oidVarchar, oidBpchar, oidTsquery:
		return true
	}
	return unfailingNearest[t.Extension]
}

// Type oids that Postgres fixes (pg_type.dat).
const oidTsquery = 3615
