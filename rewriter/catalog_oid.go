package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy/catalog"
)

// Functions that tell of any object whose number they are given: whether it is visible, which privileges there are, or, in an error, what it is called.
// Numbers can be guessed, also those of temporary tables of other sessions. So the number is looked up as for functions that print what it
// names; one that is read from a catalog is that of an object which tenants see, and stays as it is.

// numberOf puts the sub-select in the place of a number.
func (p *pass) numberOf(f *pg.FuncCall, i int, of string, sc *scope) {
	if p.denial == nil && !p.oidOfCatalogs(f.Args[i], sc) && !isZero(f.Args[i]) {
		p.hiddenConstant(f.Args[i])
		f.Args[i] = p.visibleOID(f.Args[i], of, "oid", guardName)
	}
}

// numberOrNameOf does so where the argument can be a name too: that is made a text, which it is for Postgres.
func (p *pass) numberOrNameOf(f *pg.FuncCall, i int, of string, sc *scope) {
	n := f.Args[i]
	if c := n.GetAConst(); c != nil && c.GetIval() == nil && c.GetFval() == nil {
		return
	}
	if c := n.GetTypeCast(); c != nil && constantName(c.Arg) {
		p.numberOf(f, i, of, sc)
		return
	}
	if !p.namedByText(n, sc) && !p.openText(n) {
		p.numberOf(f, i, of, sc)
		return
	}
	f.Args[i] = p.castTo(n, oidText)
}

// openText tells whether an expression is a parameter that is a text or that no type was declared for.
func (p *pass) openText(n *pg.Node) bool {
	switch param := n.GetParamRef(); {
	case param == nil:
		return false
	case p.preparing:
		i := int(param.Number) - 1
		return i < 0 || i >= len(p.argTypes) || isUnknown(p.argTypes[i].GetTypeName()) || textual(p.typeNameOID(p.argTypes[i].GetTypeName()))
	default:
		i := int(param.Number) - 1
		return i < 0 || i >= len(p.req.ParamTypes) || p.req.ParamTypes[i] == 0 || textual(p.req.ParamTypes[i])
	}
}

func textual(oid uint32) bool {
	return oid == oidText || oid == oidVarchar || oid == oidName || oid == oidUnknown
}

// oidOfCatalogs tells whether an expression is a column with numbers of a system relation that stands in FROM itself.
func (p *pass) oidOfCatalogs(n *pg.Node, sc *scope) bool {
	c := n.GetColumnRef()
	if c == nil || isStar(n) {
		return false
	}
	_, owners := p.resolve(c, sc)
	if len(owners) != 1 || owners[0].shows == nil {
		return false
	}
	if len(c.Fields) == 1 { // else it could be that of another item
		for _, it := range sc.items {
			if it.shows == nil {
				return false
			}
		}
	}
	return hasOIDs(owners[0].shows, opName(c.Fields))
}

func hasOIDs(rel *catalog.Relation, column string) bool {
	c := rel.Column(column)
	return c != nil && c.TypeOID == oidOid
}

func isZero(n *pg.Node) bool {
	v := n.GetAConst().GetIval()
	return v != nil && v.Ival == 0
}
