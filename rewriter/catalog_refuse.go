package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// Some views of pg_catalog show objects that tenants see beside numbers that all tenants share: the positions of sequences, what is counted of
// tables. Programs read them for the names. The sub-select in the place of such a view is without the numbers (systemForm), so that they cannot
// be reached. What is refused here would otherwise be an error about a missing column, or a row that lacks columns.

// refusing is the relation if it has columns that are refused, else nil.
func (r *systemRelation) refusing() *systemRelation {
	if len(r.refused) == 0 {
		return nil
	}
	return r
}

// refuseColumn refuses a reference to such a column, or to all columns of its relation.
func (p *pass) refuseColumn(c *pg.ColumnRef, sc *scope) {
	last := c.Fields[len(c.Fields)-1]
	name, star := last.GetString_().GetSval(), last.GetAStar() != nil
	if len(c.Fields) > 1 {
		if it := sc.find("", c.Fields[len(c.Fields)-2].GetString_().GetSval()); it != nil {
			p.refuseOf(it, name, star, c.Location)
		}
		return
	}
	for s := sc; s != nil; s = s.parent {
		if !star && slices.ContainsFunc(s.items, func(it *item) bool { return it.column(name) != nil }) {
			return // of another item at this level, or one between
		}
		for _, it := range s.items {
			p.refuseOf(it, name, star, c.Location)
		}
		if star {
			return
		}
	}
	if it := sc.find("", name); it != nil { // a whole row
		p.refuseOf(it, name, true, c.Location)
	}
}

func (p *pass) refuseOf(it *item, name string, whole bool, loc int32) {
	if it.refusing == nil || it.column(name) != nil && !whole {
		return
	}
	of := it.refusing.schema + "." + it.refusing.name
	const seen = "Tenants see the part of the system catalogs that describes their schema. "
	switch why, ok := it.refusing.refused[name]; {
	case ok:
		p.denyAt(loc, statePrivilege, ruleRelationDenied, `permission denied for column "`+name+`" of relation `+of, seen+"Not this column: "+why+".")
	case whole:
		for _, why := range it.refusing.refused {
			p.denyAt(loc, statePrivilege, ruleRelationDenied, "permission denied for relation "+of, seen+"Not all columns of this one: "+why+". Name those that are needed.")
			return
		}
	}
}
