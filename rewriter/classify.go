package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// classify rewrites one statement and says what kind it is. The switch is closed: what it does not name is refused by its kind.
func (p *pass) classify(n *pg.Node) Statement {
	p.writes, p.whole = false, n
	if p.hides {
		p.mentions = mentioned(n)
	}
	switch v := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		if v.SelectStmt.IntoClause != nil {
			p.selectInto(n, v.SelectStmt)
			return Statement{Kind: KindTemporary, Writes: true}
		}
		locks := lockTag(v.SelectStmt)
		p.selectStmt(v.SelectStmt, nil, nil)
		return Statement{Kind: KindSelect, Writes: p.writes, Returns: true, Locks: locks}
	case *pg.Node_InsertStmt:
		p.insert(v.InsertStmt, nil, nil)
		return Statement{Kind: KindInsert, Writes: true, Returns: len(v.InsertStmt.ReturningList) > 0}
	case *pg.Node_UpdateStmt:
		p.update(v.UpdateStmt, nil, nil)
		return Statement{Kind: KindUpdate, Writes: true, Returns: len(v.UpdateStmt.ReturningList) > 0}
	case *pg.Node_DeleteStmt:
		return p.deleteStmt(n, v.DeleteStmt)
	case *pg.Node_MergeStmt:
		p.mergeStmt(v.MergeStmt)
		return Statement{Kind: KindMerge, Writes: true}
	case *pg.Node_TruncateStmt:
		return p.truncate(n, v.TruncateStmt)
	case *pg.Node_LockStmt:
		p.lockTable(v.LockStmt)
		return Statement{Kind: KindLock}
	case *pg.Node_CopyStmt:
		return p.copyStmt(v.CopyStmt)
	case *pg.Node_ExplainStmt:
		return p.explain(v.ExplainStmt)
	case *pg.Node_TransactionStmt:
		return Statement{Kind: p.transaction(v.TransactionStmt)}
	case *pg.Node_VariableSetStmt:
		return Statement{Kind: KindSet, Setting: p.set(v.VariableSetStmt)}
	case *pg.Node_VariableShowStmt:
		p.show(v.VariableShowStmt)
		return Statement{Kind: KindShow, Returns: true}
	case *pg.Node_ConstraintsSetStmt:
		p.setConstraints(v.ConstraintsSetStmt)
		return Statement{Kind: KindSet, Setting: &SettingChange{Name: "constraints", Local: true}}
	case *pg.Node_CreateStmt:
		p.createTable(v.CreateStmt)
		return Statement{Kind: KindTemporary, Writes: true}
	case *pg.Node_CreateTableAsStmt:
		return p.createTableAs(v.CreateTableAsStmt)
	case *pg.Node_DropStmt:
		p.dropTable(n, v.DropStmt)
		return Statement{Kind: KindTemporary, Writes: true}
	case *pg.Node_IndexStmt:
		p.createIndex(n, v.IndexStmt)
		return Statement{Kind: KindTemporary, Writes: true}
	case *pg.Node_VacuumStmt:
		p.analyze(n, v.VacuumStmt)
		return Statement{Kind: KindTemporary, Writes: true}
	}
	return p.sessionStatement(n)
}

// deleteStmt rewrites a DELETE, which can become an UPDATE that marks rows as deleted.
func (p *pass) deleteStmt(n *pg.Node, s *pg.DeleteStmt) Statement {
	p.deletion(n, nil, nil)
	st := Statement{Kind: KindDelete, Writes: true, Returns: len(s.ReturningList) > 0}
	if n.GetUpdateStmt() != nil {
		st.Tag = "DELETE"
	}
	return st
}

// sessionStatement goes on with the statements about what a session keeps: prepared statements, cursors, channels.
func (p *pass) sessionStatement(n *pg.Node) Statement {
	switch v := n.GetNode().(type) {
	case *pg.Node_PrepareStmt:
		return p.prepare(v.PrepareStmt)
	case *pg.Node_ExecuteStmt:
		return p.execute(v.ExecuteStmt)
	case *pg.Node_DeallocateStmt:
		return p.deallocate(v.DeallocateStmt)
	case *pg.Node_DeclareCursorStmt:
		return p.declareCursor(v.DeclareCursorStmt)
	case *pg.Node_FetchStmt:
		return p.fetch(v.FetchStmt)
	case *pg.Node_ClosePortalStmt:
		return p.closeCursor(v.ClosePortalStmt)
	case *pg.Node_ListenStmt:
		return p.listen(v.ListenStmt)
	case *pg.Node_UnlistenStmt:
		return p.unlisten(v.UnlistenStmt)
	case *pg.Node_NotifyStmt:
		return p.notify(v.NotifyStmt)
	case *pg.Node_DiscardStmt:
		return p.discard(v.DiscardStmt)
	}
	p.refuse(n)
	return Statement{}
}

// refuse denies a statement by its kind. DDL and administration are a matter of privilege; the rest is not supported.
func (p *pass) refuse(n *pg.Node) {
	kind := nodeName(n)
	state, hint := stateFeature, "pgcordon does not support this kind of statement."
	for _, prefix := range []string{"Create", "Alter", "Drop", "Grant", "Truncate", "Vacuum", "Cluster", "Reindex", "Index", "View",
		"Rename", "Rule", "Comment", "SecLabel", "Reassign", "Define", "CheckPoint", "Load", "Refresh", "Import", "Do", "Call", "CompositeType"} {
		if strings.HasPrefix(kind, prefix) {
			state, hint = statePrivilege, "Tenants may read and write rows; they may not change the schema or run code."
		}
	}
	p.deny(state, ruleStatementKind, statementName(kind)+" is refused", hint)
}

// statementName turns a node's name into words: "CreateTableAsStmt" becomes "CREATE TABLE AS".
func statementName(kind string) string {
	kind = strings.TrimSuffix(kind, "Stmt")
	var b strings.Builder
	for i, r := range kind {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}
