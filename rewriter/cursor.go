package rewriter

import (
	"regexp"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Cursors. A cursor's query is rewritten like any other; FETCH, MOVE and CLOSE name it and reach no relation.

// reservedPrefix begins the names of the proxy's own portals.
const reservedPrefix = "pgcordon:"

// cursorOptions are those of DECLARE (nodes/parsenodes.h): BINARY, [NO] SCROLL, INSENSITIVE, ASENSITIVE, WITH HOLD, and
// the mark that the grammar sets on each.
const cursorOptions = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x100

func (p *pass) declareCursor(s *pg.DeclareCursorStmt) Statement {
	p.cursorName(s.Portalname)
	if s.Options&^cursorOptions != 0 {
		p.deny(stateFeature, ruleClause, "an option of DECLARE CURSOR is not supported", "")
	}
	q := s.Query.GetSelectStmt()
	if q == nil {
		p.refuse(s.Query)
		return Statement{}
	}
	p.selectStmt(q, nil, nil)
	if p.setting != nil { // it would change when rows are fetched
		p.deny(stateFeature, ruleSetting, p.setting.Name+" cannot be changed by the query of a cursor", "Use SET.")
	}
	return Statement{Kind: KindDeclare, Writes: p.writes, Name: s.Portalname}
}

func (p *pass) fetch(s *pg.FetchStmt) Statement {
	p.cursorName(s.Portalname)
	return Statement{Kind: KindFetch, Name: s.Portalname, Returns: !s.Ismove, Writes: true}
}

func (p *pass) closeCursor(s *pg.ClosePortalStmt) Statement {
	p.cursorName(s.Portalname)
	return Statement{Kind: KindClose, Name: s.Portalname}
}

func (p *pass) cursorName(name string) {
	if strings.HasPrefix(name, reservedPrefix) {
		p.deny("42602", ruleStatementKind, `names that begin with "`+reservedPrefix+`" are reserved`, "")
	}
}

// positioned handles UPDATE and DELETE WHERE CURRENT OF, to which no predicate can be added: it must stand alone. None is needed.
// The server finds the row by the scan of the same table that the cursor's query has under way, and takes the last row that passed that scan's
// conditions; the query was the client's and is confined, so its scans of a tenant table let the tenant's rows pass and no others. A row that is
// shared has no tenant to be confined to, so the target must be a tenant table.
//
// Functions are another matter: the query of one in SQL that the policy vouches for becomes a part of the cursor's, with scans that let other rows
// pass, and others can open cursors by themselves. Where there are such functions, it is refused.
func (p *pass) positioned(where *pg.Node, t *policy.BoundTable, others int) bool {
	c := where.GetCurrentOfExpr()
	if c == nil {
		return false
	}
	switch {
	case t.Scope != policy.ScopeTenant && t.Scope != policy.ScopeTemporary || t.SoftDelete != nil || others > 0 || c.CursorName == "":
		p.deny(stateFeature, ruleStatementKind, "WHERE CURRENT OF is supported for tables of scope tenant without soft delete, and no other beside", "Name the row by its key instead.")
	case strings.HasPrefix(c.CursorName, "<"): // as "<unnamed portal 1>"
		p.deny(statePrivilege, ruleStatementKind, "WHERE CURRENT OF a cursor that a function has opened is refused", "Use DECLARE CURSOR.")
	case t.Scope == policy.ScopeTenant && p.functionsScan():
		p.deny(statePrivilege, ruleStatementKind, "WHERE CURRENT OF is refused: there are functions whose rows a cursor could stand on",
			"Name the row by its primary key.")
	}
	p.cursorName(c.CursorName)
	return true
}

// functionsScan tells whether a cursor could stand on a scan of a function's: of one that the session may call in SQL with rows as its result, or
// of a cursor that any function opens, be it called by a statement, a trigger or another function.
func (p *pass) functionsScan() bool {
	for schema, s := range p.cat.Schemas {
		if schema == "pg_catalog" || schema == "information_schema" {
			continue
		}
		for _, overloads := range s.Functions {
			for _, f := range overloads {
				if p.bound.Extension(f.Extension) && policy.ExtensionRefusal(f.Extension, f.Name) == "" {
					continue // it reads no table
				}
				called := p.vouchedFor(f)
				if called && f.ReturnsSet && f.Language == "sql" || (called || f.Extension == "") && opensCursors(f) {
					return true
				}
			}
		}
	}
	return false
}

// opening is the word by which PL/pgSQL opens a cursor that it was given, without the word cursor.
var opening = regexp.MustCompile(`(?i)\bopen\b`)

func opensCursors(f *catalog.Function) bool {
	says := strings.Contains(strings.ToLower(f.Source), "cursor")
	switch f.Language {
	case "c", "internal":
		return false
	case "sql":
		return says
	case "plpgsql":
		return says || opening.MatchString(f.Source)
	}
	return true
}
