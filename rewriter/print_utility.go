package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

func (p *printer) transactionStmt(t *pg.TransactionStmt) {
	switch t.Kind {
	case pg.TransactionStmtKind_TRANS_STMT_BEGIN:
		p.str("BEGIN")
	case pg.TransactionStmtKind_TRANS_STMT_START:
		p.str("START TRANSACTION")
	case pg.TransactionStmtKind_TRANS_STMT_COMMIT:
		p.str("COMMIT")
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK:
		p.str("ROLLBACK")
	case pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT:
		p.str("SAVEPOINT ")
		p.ident(t.SavepointName)
	case pg.TransactionStmtKind_TRANS_STMT_RELEASE:
		p.str("RELEASE ")
		p.ident(t.SavepointName)
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		p.str("ROLLBACK TO SAVEPOINT ")
		p.ident(t.SavepointName)
	case pg.TransactionStmtKind_TRANS_STMT_PREPARE:
		p.str("PREPARE TRANSACTION ")
		p.literal(t.Gid)
	case pg.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED:
		p.str("COMMIT PREPARED ")
		p.literal(t.Gid)
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_PREPARED:
		p.str("ROLLBACK PREPARED ")
		p.literal(t.Gid)
	default:
		p.fail(t.Kind.String())
	}
	if len(t.Options) > 0 {
		p.str(" ")
		p.transactionModes(t.Options)
	}
	if t.Chain {
		p.str(" AND CHAIN")
	}
}

func (p *printer) transactionModes(list []*pg.Node) {
	for i, n := range list {
		p.comma(i)
		d := n.GetDefElem()
		p.at(d.GetLocation())
		c := d.GetArg().GetAConst()
		on := c.GetIval().GetIval() != 0
		switch {
		case d.GetDefname() == "transaction_isolation":
			p.isolation(c)
		case d.GetDefname() == "transaction_read_only" && on:
			p.str("READ ONLY")
		case d.GetDefname() == "transaction_read_only":
			p.str("READ WRITE")
		case d.GetDefname() == "transaction_deferrable" && on:
			p.str("DEFERRABLE")
		case d.GetDefname() == "transaction_deferrable":
			p.str("NOT DEFERRABLE")
		default:
			p.unknown(n)
		}
	}
}

func (p *printer) isolation(c *pg.A_Const) {
	switch level := c.GetSval().GetSval(); level {
	case "read uncommitted", "read committed", "repeatable read", "serializable":
		p.str("ISOLATION LEVEL ")
		p.at(c.Location)
		p.str(strings.ToUpper(level))
	default:
		p.fail("the isolation level " + level)
	}
}

// settingName writes a setting's name, whose parts the tree has joined by dots.
func (p *printer) settingName(name string) {
	parts := strings.Split(name, ".")
	for _, s := range parts {
		if s == "" {
			p.ident(name)
			return
		}
	}
	for i, s := range parts {
		if i > 0 {
			p.str(".")
		}
		p.ident(s)
	}
}

func (p *printer) variableSetStmt(v *pg.VariableSetStmt) {
	switch v.Kind {
	case pg.VariableSetKind_VAR_RESET:
		p.str("RESET ")
		p.settingName(v.Name)
		return
	case pg.VariableSetKind_VAR_RESET_ALL:
		p.str("RESET ALL")
		return
	}
	p.str("SET ")
	if v.IsLocal {
		p.str("LOCAL ")
	}
	switch v.Kind {
	case pg.VariableSetKind_VAR_SET_MULTI:
		p.setMulti(v)
	case pg.VariableSetKind_VAR_SET_DEFAULT:
		p.settingName(v.Name)
		p.str(" TO DEFAULT")
	case pg.VariableSetKind_VAR_SET_CURRENT:
		p.settingName(v.Name)
		p.str(" FROM CURRENT")
	case pg.VariableSetKind_VAR_SET_VALUE:
		if len(v.Args) == 1 && v.Name == "timezone" && v.Args[0].GetTypeCast() != nil {
			p.str("TIME ZONE ")
			p.literalValue(v.Args[0])
			return
		}
		p.settingName(v.Name)
		p.str(" TO ")
		for i, a := range v.Args {
			p.comma(i)
			p.setting(a)
		}
	default:
		p.fail(v.Kind.String())
	}
}

func (p *printer) setting(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_AConst:
		switch v.AConst.Val.(type) {
		case *pg.A_Const_Sval, *pg.A_Const_Ival, *pg.A_Const_Fval:
			p.expr(n)
			return
		}
	case *pg.Node_ParamRef:
		p.expr(n)
		return
	}
	p.unknown(n)
}

func (p *printer) setMulti(v *pg.VariableSetStmt) {
	switch v.Name {
	case "TRANSACTION":
		p.str("TRANSACTION ")
		p.transactionModes(v.Args)
	case "SESSION CHARACTERISTICS":
		p.str("SESSION CHARACTERISTICS AS TRANSACTION ")
		p.transactionModes(v.Args)
	case "TRANSACTION SNAPSHOT":
		p.str("TRANSACTION SNAPSHOT ")
		if len(v.Args) != 1 {
			p.fail("such a snapshot")
			return
		}
		p.setting(v.Args[0])
	default:
		p.fail("SET " + v.Name)
	}
}

func (p *printer) constraintsSetStmt(s *pg.ConstraintsSetStmt) {
	p.str("SET CONSTRAINTS ")
	if len(s.Constraints) == 0 {
		p.str("ALL")
	}
	for i, n := range s.Constraints {
		p.comma(i)
		if n.GetRangeVar() == nil {
			p.unknown(n)
			return
		}
		p.qualifiedName(n.GetRangeVar())
	}
	if s.Deferred {
		p.str(" DEFERRED")
	} else {
		p.str(" IMMEDIATE")
	}
}
