package rewriter

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// EXPLAIN prints the plan of the rewritten statement: its conditions, with the tenant's own id, and the names of relations and indexes. What
// else it can print tells of everybody's rows: "Rows Removed by Filter" counts others', estimates are made from the most common values of the whole
// column, and buffers are those of shared pages. So without the policy's switch there are no numbers: COSTS is off, and every option that
// brings others is refused.

// freeOptions are the options of EXPLAIN that show nothing of other tenants; countingOptions those that do (Postgres manual, "EXPLAIN").
// The value tells whether the option is a switch.
var (
	freeOptions     = map[string]bool{"verbose": true, "summary": true, "format": false}
	countingOptions = map[string]bool{"analyze": true, "buffers": true, "wal": true, "timing": true, "memory": true, "settings": true,
		"generic_plan": true, "serialize": false}
)

// explain rewrites the statement inside, which must be one that can be run by itself.
func (p *pass) explain(s *pg.ExplainStmt) Statement {
	analyze := p.explainOptions(s)
	if tables := p.ownTables; !analyze {
		defer func() { p.ownTables = tables }()
	}
	defer func() { p.genericPlan = false }()
	var inner Statement
	switch s.Query.GetNode().(type) {
	case *pg.Node_DeclareCursorStmt: // its query is explained; no cursor is made
		p.statement(s.Query)
		inner.Writes = true
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt:
		inner = p.statement(s.Query)
	case *pg.Node_CreateTableAsStmt, *pg.Node_ExecuteStmt:
		inner = p.statement(s.Query)
	default:
		p.deny(stateFeature, ruleStatementKind, "EXPLAIN of "+statementName(nodeName(s.Query))+" is not supported", "")
	}
	out := Statement{Kind: KindExplain, Writes: analyze && inner.Writes, Returns: true,
		Executes: inner.Executes, Name: inner.Name, Arguments: inner.Arguments}
	if inner.Kind == KindTemporary { // also by SELECT INTO; with ANALYZE the table is made
		out.Kind = KindTemporary
	}
	return out
}

// explainOptions checks the options, and tells whether the statement will be run.
func (p *pass) explainOptions(s *pg.ExplainStmt) (analyze bool) {
	counts := p.bound.Policy.Statements.ExplainAnalyze
	kept := s.Options[:0:0]
	for _, n := range s.Options {
		d := n.GetDefElem()
		name := d.GetDefname()
		on, isSwitch := switchValue(d.GetArg())
		wantSwitch, counting := countingOptions[name]
		switch {
		case name == "costs":
			wantSwitch, counting = true, true
		case !counting:
			var free bool
			if wantSwitch, free = freeOptions[name]; !free {
				p.denyAt(d.GetLocation(), stateSyntax, ruleClause, `unrecognized EXPLAIN option "`+name+`"`, "")
				return false
			}
		}
		if wantSwitch && !isSwitch {
			p.denyAt(d.GetLocation(), stateSyntax, ruleClause, name+" requires a Boolean value", "")
			return false
		}
		if counting && !counts {
			if wantSwitch && !on {
				continue // as if it were not there
			}
			p.denyAt(d.GetLocation(), statePrivilege, ruleExplain, "permission denied for EXPLAIN with "+strings.ToUpper(name),
				"Its numbers tell of other tenants' rows. The policy can allow it by statements.explain_analyze.")
			return false
		}
		switch name { // the last one of a name counts
		case "analyze":
			analyze = on
		case "generic_plan":
			p.genericPlan = on
		}
		kept = append(kept, n)
	}
	if !counts {
		off := &pg.Node{Node: &pg.Node_String_{String_: &pg.String{Sval: "off"}}}
		kept = append(kept, &pg.Node{Node: &pg.Node_DefElem{DefElem: &pg.DefElem{
			Defname: "costs", Arg: off, Defaction: pg.DefElemAction_DEFELEM_UNSPEC}}})
	}
	s.Options = kept
	return analyze
}

// switchValue reads the value of an option that is on or off, as Postgres does (defGetBoolean).
func switchValue(n *pg.Node) (on, ok bool) {
	switch v := n.GetNode().(type) {
	case nil:
		return true, true
	case *pg.Node_Integer:
		return v.Integer.Ival == 1, v.Integer.Ival == 0 || v.Integer.Ival == 1
	case *pg.Node_String_:
		switch strings.ToLower(v.String_.Sval) {
		case "true", "on":
			return true, true
		case "false", "off":
			return false, true
		}
	}
	return false, false
}
