package rewriter

import pg "github.com/pganalyze/pg_query_go/v5"

// Changes tells what a statement does to rows of tables, for limits on it.
type Changes struct {
	// Any is set when it may insert, update or delete rows.
	Any bool
	// Adds is set when it may insert or update rows of tables that are not temporary, in a WITH too. A DELETE that marks rows does not.
	Adds bool
	// AtMost is how many rows it can change, where the text tells; 0 where it does not. What triggers do is never counted.
	AtMost int
	// Uncounted is set when it may change rows that its command tag does not count: those of a WITH, and those that it returns something else for.
	Uncounted bool
}

// statement rewrites one statement and says what kind it is.
func (p *pass) statement(n *pg.Node) Statement {
	p.targets, p.adds = 0, false
	atMost := rowsInserted(n.GetInsertStmt())
	st := p.classify(n)
	if p.targets == 0 || !st.Writes {
		return st
	}
	st.Changes = Changes{Any: true, Adds: p.adds, Uncounted: p.targets > 1}
	switch st.Kind {
	case KindInsert:
		st.Changes.AtMost = atMost
	case KindUpdate, KindDelete, KindMerge, KindTruncate:
	case KindCopy:
		st.Changes.Uncounted = !st.Copy.From
	default:
		st.Changes.Uncounted = true
	}
	if st.Changes.Uncounted {
		st.Changes.AtMost = 0
	}
	return st
}

// adding notes a target that is inserted into or updated.
func (p *pass) adding(rv *pg.RangeVar) {
	if p.temporary(rv) == nil {
		p.adds = true
	}
}

// rowsInserted is how many rows an INSERT with VALUES has at most; 0 for another statement. One list alone may hold a function that returns a set.
func rowsInserted(s *pg.InsertStmt) int {
	if s != nil && s.SelectStmt == nil { // DEFAULT VALUES
		return 1
	}
	rows := s.GetSelectStmt().GetSelectStmt().GetValuesLists()
	if len(rows) != 1 {
		return len(rows)
	}
	for _, v := range rows[0].GetList().GetItems() {
		if !singleValue(v) {
			return 0
		}
	}
	return 1
}

// singleValue reports whether an expression surely is one value.
func singleValue(n *pg.Node) bool {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	return n.GetAConst() != nil || n.GetParamRef() != nil || n.GetSetToDefault() != nil || n.GetSqlvalueFunction() != nil
}
