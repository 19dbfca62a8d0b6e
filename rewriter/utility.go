package rewriter

import (
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// transaction allows transaction control, two-phase commit excepted.
func (p *pass) transaction(t *pg.TransactionStmt) Kind {
	for _, n := range t.Options {
		d := n.GetDefElem()
		switch d.GetDefname() {
		case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
			if d.GetArg().GetAConst() == nil {
				p.deny(stateFeature, ruleTransaction, "a transaction option must be a constant", "")
			}
		default:
			p.deny(stateFeature, ruleTransaction, "transaction option "+d.GetDefname()+" is not supported", "")
		}
	}
	switch t.Kind {
	case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START:
		return KindBegin
	case pg.TransactionStmtKind_TRANS_STMT_COMMIT:
		return KindCommit
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK:
		return KindRollback
	case pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT:
		return KindSavepoint
	case pg.TransactionStmtKind_TRANS_STMT_RELEASE:
		return KindRelease
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		return KindRollbackTo
	default:
		p.deny(stateFeature, ruleTransaction, "two-phase commit is not supported", "")
		return KindInvalid
	}
}

// set allows SET and RESET of the settings that clients may change (settings.go).
func (p *pass) set(v *pg.VariableSetStmt) *SettingChange {
	name := strings.ToLower(v.Name)
	switch v.Kind {
	case pg.VariableSetKind_VAR_RESET_ALL:
		return &SettingChange{Reset: true, All: true}
	case pg.VariableSetKind_VAR_SET_MULTI:
		return p.setTransaction(v)
	case pg.VariableSetKind_VAR_RESET, pg.VariableSetKind_VAR_SET_DEFAULT:
		if p.settingCheck(name) == nil {
			p.denySetting(name, "changed")
			return nil
		}
		return &SettingChange{Name: name, Reset: true, Local: v.IsLocal}
	case pg.VariableSetKind_VAR_SET_VALUE:
	default:
		p.deny(stateFeature, ruleSetting, fmt.Sprintf("%s is not supported", v.Kind), "")
		return nil
	}
	check := p.settingCheck(name)
	if check == nil {
		p.denySetting(name, "changed")
		return nil
	}
	values := make([]string, len(v.Args))
	for i, a := range v.Args {
		c := a
		if cast := a.GetTypeCast(); cast != nil && name == "timezone" { // SET TIME ZONE INTERVAL '...'
			c = cast.Arg
		}
		text, ok := settingText(c.GetAConst())
		if !ok {
			p.deny(stateFeature, ruleSettingValue, "the value of "+name+" must be a constant", "")
			return nil
		}
		values[i] = text
	}
	if reason := check(values); reason != "" {
		p.deny(statePrivilege, ruleSettingValue, "this value is refused for parameter \""+name+"\"", reason)
		return nil
	}
	change := &SettingChange{Name: name, Value: strings.Join(values, ", "), Local: v.IsLocal}
	if name == "search_path" {
		change.Path = values
	}
	return change
}

// setTransaction allows SET TRANSACTION and SET SESSION CHARACTERISTICS; a snapshot of another session is refused.
func (p *pass) setTransaction(v *pg.VariableSetStmt) *SettingChange {
	switch v.Name {
	case "TRANSACTION", "SESSION CHARACTERISTICS":
	default:
		p.denySetting(strings.ToLower(v.Name), "changed")
		return nil
	}
	for _, a := range v.Args {
		d := a.GetDefElem()
		switch d.GetDefname() {
		case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
			if d.GetArg().GetAConst() == nil {
				p.deny(stateFeature, ruleTransaction, "a transaction option must be a constant", "")
			}
		default:
			p.deny(stateFeature, ruleTransaction, "transaction option "+d.GetDefname()+" is not supported", "")
		}
	}
	return &SettingChange{Name: strings.ToLower(v.Name), Local: v.Name == "TRANSACTION"}
}

// discard allows DISCARD: all of it concerns the session's own connection. What the session keeps of it is told by the kind.
func (p *pass) discard(s *pg.DiscardStmt) Statement {
	switch s.Target {
	case pg.DiscardMode_DISCARD_ALL:
		return Statement{Kind: KindDiscardAll, Setting: &SettingChange{Reset: true, All: true}}
	case pg.DiscardMode_DISCARD_PLANS, pg.DiscardMode_DISCARD_SEQUENCES, pg.DiscardMode_DISCARD_TEMP:
		return Statement{Kind: KindDiscard}
	}
	p.deny(stateFeature, ruleStatementKind, "this kind of DISCARD is not supported", "")
	return Statement{}
}

func (p *pass) show(v *pg.VariableShowStmt) {
	name := strings.ToLower(v.Name)
	if p.settingCheck(name) != nil || readable[name] {
		return
	}
	p.denySetting(name, "shown")
}

func (p *pass) denySetting(name, verb string) {
	hint := "Only settings that keep the meaning of statements and show nothing of others are allowed."
	if strings.Contains(name, ".") {
		hint = "The policy names the application's own settings that clients may use, under settings."
	}
	p.deny(statePrivilege, ruleSetting, `parameter "`+name+`" cannot be `+verb, hint)
}

// settingText returns a constant of SET as text; false for NULL.
func settingText(c *pg.A_Const) (string, bool) {
	if c == nil || c.Isnull {
		return "", false
	}
	if b, ok := c.Val.(*pg.A_Const_Boolval); ok {
		return fmt.Sprint(b.Boolval.Boolval), true
	}
	return constText(c)
}

// setConstraints allows SET CONSTRAINTS: it decides when the session's own transaction is checked.
func (p *pass) setConstraints(s *pg.ConstraintsSetStmt) {
	for _, n := range s.Constraints {
		if n.GetRangeVar() == nil || n.GetRangeVar().Alias != nil {
			p.deny(stateFeature, ruleClause, "SET CONSTRAINTS names something that is no constraint", "")
		}
	}
}
