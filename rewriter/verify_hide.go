package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
)

// shows fails a reference that stands for all columns of a table with a hidden one: a star, or the table's name as a whole row. Every such table is
// written with the list of the columns that are meant, in the text of views too.
func (s *sweeper) shows(c *pg.ColumnRef, e sweepEnv, names []string, star bool) {
	if len(names) > 0 && (names[0] == "old" || names[0] == "new") && (star || len(names) < 3) {
		s.formerRow(names, star, e)
	}
	switch {
	case star && len(names) == 0:
		s.nothingHidden(e.names.names, "*")
	case star:
		schema := ""
		if len(names) == 2 {
			schema = names[0]
		}
		if n := e.names.find(schema, names[len(names)-1]); n != nil {
			s.nothingHidden([]fromName{*n}, "a qualified *")
		}
	case len(names) == 1:
		if n := e.names.find("", names[0]); n != nil && n.table != nil && n.table.Relation.Column(names[0]) == nil {
			s.nothingHidden([]fromName{*n}, "a whole row")
		}
	}
}

// nothingHidden fails when one of the FROM items is a table with a hidden column.
func (s *sweeper) nothingHidden(items []fromName, where string) {
	for _, n := range items {
		if n.table != nil && n.table.Hidden {
			s.fail("%s shows the hidden column of %s.%s", where, n.table.Relation.Schema, n.table.Relation.Name)
			return
		}
	}
}

// formerRow fails OLD and NEW, which RETURNING knows from 18 on, beside a table with a hidden column.
func (s *sweeper) formerRow(names []string, star bool, e sweepEnv) {
	for sc := e.names; sc != nil; sc = sc.parent {
		for _, n := range sc.names {
			alone := len(names) == 1 && !star
			if n.name == names[0] || alone && (n.table == nil || n.table.Relation.Column(names[0]) != nil) {
				return // an item, or a column of one
			}
		}
		s.nothingHidden(sc.names, "the row as it was")
	}
}
