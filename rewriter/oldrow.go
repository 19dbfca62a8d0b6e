package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// OLD and NEW. From 18 on, Postgres knows in RETURNING the row as it was and as it has become by these names. They are rows of the table itself: where
// a view is written through, or a column of the table is hidden, they would show what the client does not see. There they stay unknown, as for
// servers before.

// formerRow denies OLD and NEW of such a table; true when it did.
func (p *pass) formerRow(c *pg.ColumnRef, sc *scope) bool {
	name := c.Fields[0].GetString_().GetSval()
	if name != "old" && name != "new" || len(c.Fields) > 2 || sc.find("", name) != nil || omitted("old and new rows") {
		return false
	}
	if owners := sc.owners(name); len(c.Fields) == 1 && len(owners) > 0 && owners[0].columns != nil {
		return false
	}
	for s := sc; s != nil; s = s.parent {
		for _, it := range s.items {
			if it.hidden == "" && it.through == nil {
				continue
			}
			rule := ruleHiddenColumn
			if it.through != nil {
				rule = ruleViewWrite
			}
			if len(c.Fields) == 1 {
				p.denyAt(c.Location, stateUndefinedColumn, rule, `column "`+name+`" does not exist`, "")
			} else {
				p.denyAt(c.Location, stateUndefinedTable, rule, `missing FROM-clause entry for table "`+name+`"`, "")
			}
			return true
		}
	}
	return false
}
