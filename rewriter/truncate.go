package rewriter

import (
	"fmt"
	"maps"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// TRUNCATE empties a table for everybody, so a tenant's becomes the DELETE of all its rows, where the policy allows it; the client is told
// what it would be told of a TRUNCATE. Several tables are one statement, so that foreign keys among them are looked at when all are empty:
//
//	WITH truncated1 AS (DELETE FROM a WHERE a.tenant_id = $1) DELETE FROM b WHERE b.tenant_id = $1
//
// What TRUNCATE refuses stays refused: a foreign key from a table that is not emptied along would make a DELETE cascade, or depend on the rows.

// TruncateTag is the command tag of TRUNCATE.
const TruncateTag = "TRUNCATE TABLE"

// truncate puts the DELETE in place of the statement. One of the session's temporary tables alone stays what it is.
func (p *pass) truncate(n *pg.Node, s *pg.TruncateStmt) Statement {
	st := Statement{Kind: KindTruncate, Writes: true}
	tables := p.truncated(s)
	if p.denial != nil || len(tables) == 0 {
		return st
	}
	if !slices.ContainsFunc(tables, func(t truncated) bool { return t.rel.Schema != catalog.TemporarySchema }) {
		for _, t := range tables {
			p.note(p.table(t.rel), t.rel.Name, nil, "temporary: the session's own")
		}
		return st
	}
	switch {
	case !p.bound.Policy.Statements.Truncate:
		p.deny(statePrivilege, ruleTruncate, "TRUNCATE is refused",
			"The policy can allow it by statements.truncate: it then deletes the tenant's rows. DELETE does so without being allowed.")
		return st
	case s.RestartSeqs:
		p.deny(stateFeature, ruleTruncate, "TRUNCATE ... RESTART IDENTITY is not supported", "Sequences are shared by all tenants. Leave RESTART IDENTITY out.")
		return st
	}
	if tables = p.withReferencing(tables, s.Behavior == pg.DropBehavior_DROP_CASCADE); p.denial != nil {
		return st
	}
	var ctes []*pg.Node
	for i, t := range tables {
		n.Node = &pg.Node_DeleteStmt{DeleteStmt: &pg.DeleteStmt{Relation: t.rv}}
		p.deletion(n, nil, nil)
		if i < len(tables)-1 {
			ctes = append(ctes, &pg.Node{Node: &pg.Node_CommonTableExpr{CommonTableExpr: &pg.CommonTableExpr{
				Ctename: fmt.Sprintf("truncated%d", i+1), Ctematerialized: pg.CTEMaterialize_CTEMaterializeDefault,
				Ctequery: &pg.Node{Node: n.Node}}}})
		}
	}
	if len(ctes) > 0 {
		with := &pg.WithClause{Ctes: ctes}
		if d := n.GetDeleteStmt(); d != nil {
			d.WithClause = with
		} else {
			n.GetUpdateStmt().WithClause = with
		}
	}
	st.Tag = TruncateTag
	return st
}

// truncated is one table that the statement empties.
type truncated struct {
	rv  *pg.RangeVar
	rel *catalog.Relation
}

// truncated resolves the tables that the statement names. One that is named twice counts once, without ONLY if it stands once without.
func (p *pass) truncated(s *pg.TruncateStmt) []truncated {
	var out []truncated
	for _, n := range s.Relations {
		rv := n.GetRangeVar()
		rel := p.relation(rv)
		if rel == nil {
			return nil
		}
		t := p.table(rel)
		switch {
		case t == nil || t.Scope == policy.ScopeDenied:
			p.denyRelation(rv, rel, t)
			return nil
		case rel.Kind == catalog.PartitionedTable && !rv.Inh:
			p.denyAt(rv.Location, stateWrongKind, ruleRelationKind, "cannot truncate only a partitioned table", "")
			return nil
		}
		switch rel.Kind {
		case catalog.Table, catalog.PartitionedTable, catalog.ForeignTable:
		default:
			p.denyAt(rv.Location, stateWrongKind, ruleRelationKind, `"`+rel.Name+`" is not a table`, "")
			return nil
		}
		if rv.Catalogname, rv.Schemaname = "", rel.Schema; rel.Schema == catalog.TemporarySchema && p.role != nil && p.role.ReadOnly {
			p.denyAt(rv.Location, statePrivilege, ruleReadOnly, "the role is read-only", "")
			return nil
		}
		if i := slices.IndexFunc(out, func(t truncated) bool { return t.rel == rel }); i >= 0 {
			out[i].rv.Inh = out[i].rv.Inh || rv.Inh
			continue
		}
		out = append(out, truncated{rv, rel})
	}
	return out
}

// withReferencing adds the tables whose foreign keys reference those that are emptied, as CASCADE does, or denies the statement without it.
func (p *pass) withReferencing(tables []truncated, cascade bool) []truncated {
	emptied := map[uint32]bool{}
	for _, t := range tables {
		p.emptied(t, emptied)
	}
	for more := true; more; {
		more = false
		for _, oid := range slices.Sorted(maps.Keys(p.cat.ByOID)) {
			rel := p.cat.ByOID[oid]
			if emptied[oid] || !references(rel, emptied) || slices.ContainsFunc(rel.Parents, func(parent uint32) bool {
				return p.cat.ByOID[parent] != nil && references(p.cat.ByOID[parent], emptied)
			}) {
				continue
			}
			if !cascade {
				p.deny(stateFeature, ruleTruncate, "cannot truncate a table referenced in a foreign key constraint",
					"Truncate the tables that reference it at the same time, or use TRUNCATE ... CASCADE.")
				return nil
			}
			if t := p.table(rel); t == nil || t.Scope == policy.ScopeDenied || t.Scope == policy.ScopeGlobal {
				p.deny(statePrivilege, ruleTruncate, "TRUNCATE ... CASCADE reaches a table that the tenant may not write", "")
				return nil
			}
			t := truncated{&pg.RangeVar{Schemaname: rel.Schema, Relname: rel.Name, Inh: true, Relpersistence: "p", Location: -1}, rel}
			tables, more = append(tables, t), true
			p.emptied(t, emptied)
		}
	}
	return tables
}

// emptied notes a table, and its children unless ONLY leaves them out.
func (p *pass) emptied(t truncated, set map[uint32]bool) {
	family := map[uint32]bool{t.rel.OID: true}
	for more := t.rv.Inh; more; {
		more = false
		for oid, rel := range p.cat.ByOID {
			if !family[oid] && slices.ContainsFunc(rel.Parents, func(parent uint32) bool { return family[parent] }) {
				family[oid], more = true, true
			}
		}
	}
	maps.Copy(set, family)
}

// references tells whether a foreign key of the relation has one of the tables as its target.
func references(rel *catalog.Relation, tables map[uint32]bool) bool {
	return slices.ContainsFunc(rel.ForeignKeys, func(k catalog.ForeignKey) bool { return tables[k.Target] })
}
