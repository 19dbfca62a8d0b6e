package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// Where the policy says so, a DELETE becomes the UPDATE that marks the rows as deleted. It meets the same rows; RETURNING gives them as
// they are afterwards. The session gives the client the command tag of a DELETE (Statement.Tag).

// marks tells whether DELETE from the table marks rows instead of removing them.
func marks(t *policy.BoundTable) bool { return t.SoftDelete != nil && t.SoftDelete.RewriteDelete }

// deletion rewrites the DELETE that a node holds, and puts an UPDATE in its place where the table marks deleted rows. It returns the columns of
// RETURNING.
func (p *pass) deletion(n *pg.Node, ctes *cteEnv, parent *scope) []column {
	s := n.GetDeleteStmt()
	cols, t := p.delete(s, ctes, parent)
	if t != nil && marks(t) && !omitted("DELETE that marks") {
		n.Node = &pg.Node_UpdateStmt{UpdateStmt: p.mark(s, t)}
	}
	return cols
}

// mark is the UPDATE that marks what a rewritten DELETE would remove.
func (p *pass) mark(s *pg.DeleteStmt, t *policy.BoundTable) *pg.UpdateStmt {
	return &pg.UpdateStmt{
		Relation: s.Relation, TargetList: markList(t), FromClause: s.UsingClause, WhereClause: s.WhereClause,
		ReturningList: s.ReturningList, WithClause: s.WithClause,
	}
}

// markList is the SET list that marks a row as deleted.
func markList(t *policy.BoundTable) []*pg.Node {
	value := &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Boolval{Boolval: &pg.Boolean{Boolval: true}}}}}
	if !t.SoftDelete.Boolean {
		value = &pg.Node{Node: &pg.Node_FuncCall{FuncCall: &pg.FuncCall{
			Funcname:   []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("now")},
			Funcformat: pg.CoercionForm_COERCE_EXPLICIT_CALL,
		}}}
	}
	return []*pg.Node{resTarget(t.SoftDelete.Column, value)}
}
