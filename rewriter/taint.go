package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// A cast is a call that needs no function's name: with CREATE CAST a value of a user's type, written or stored, runs a user's function when it is
// cast, also by assignment. A type with such a cast is tainted unless the policy vouches for the function, and so is every type that
// a value of it can be taken out of: domains over it, arrays, ranges, and composites with a field of it. A client can neither name a tainted
// type nor read or write a relation with a column of one.

// A cast between two built-in types taints both: hardly anything is left then, until the policy vouches for the function.

// taintedTypes are the oids of the tainted types. Extensions' casts are code in C.
func taintedTypes(b *policy.Bound) map[uint32]bool {
	tainted := map[uint32]bool{}
	for i := range b.Catalog.Casts {
		c := &b.Catalog.Casts[i]
		if c.Function == 0 || c.Extension != "" || b.Vouched(c.Function, "") != nil {
			continue
		}
		between := isBuiltin(b.Catalog, c.Source) && isBuiltin(b.Catalog, c.Target)
		for _, oid := range []uint32{c.Source, c.Target} {
			if user := b.Catalog.TypeByOID[oid]; user != nil && (!catalog.IsSystem(user.Schema) || between) {
				tainted[oid] = true
			}
		}
	}
	if len(tainted) == 0 {
		return tainted
	}
	for spread := true; spread; {
		spread = false
		for oid, t := range b.Catalog.TypeByOID {
			if !tainted[oid] && holdsTainted(b.Catalog, t, tainted) {
				tainted[oid], spread = true, true
			}
		}
	}
	return tainted
}

func isBuiltin(cat *catalog.Snapshot, oid uint32) bool {
	t := cat.TypeByOID[oid]
	return t != nil && catalog.IsSystem(t.Schema)
}

func holdsTainted(cat *catalog.Snapshot, t *catalog.Type, tainted map[uint32]bool) bool {
	switch {
	case tainted[t.Base], tainted[t.Element]:
		return true
	case (t.Kind == 'r' || t.Kind == 'm') && !catalog.IsSystem(t.Schema): // what a range is over is not in the snapshot
		return true
	case t.Relation != 0 && cat.ByOID[t.Relation] != nil:
		return hasTainted(cat.ByOID[t.Relation], tainted)
	}
	return false
}

func hasTainted(r *catalog.Relation, tainted map[uint32]bool) bool {
	for i := range r.Columns {
		if tainted[r.Columns[i].TypeOID] {
			return true
		}
	}
	return false
}

// taintedColumn denies a relation with a column of a tainted type.
func (p *pass) taintedColumn(rv *pg.RangeVar, r *catalog.Relation) bool {
	if len(p.tainted) == 0 || !hasTainted(r, p.tainted) {
		return false
	}
	p.denyAt(rv.Location, statePrivilege, ruleTypeDenied, "permission denied for relation "+r.Schema+"."+r.Name,
		"A cast of one of its columns' types calls a user function that the policy does not vouch for.")
	return true
}
