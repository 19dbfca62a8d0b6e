package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// Copy is what the session has to know of a COPY: how the rows are written and, for COPY FROM STDIN, what becomes of each.
type Copy struct {
	From                     bool // FROM STDIN; else TO STDOUT
	Format                   CopyFormat
	Delimiter, Quote, Escape byte
	Null                     string
	// Default is the text that stands for a column's default; nil for none.
	Default *string
	Header  CopyHeader
	// Table is the relation's name without its schema, as Postgres shows it in an error's context; empty for a query.
	Table string
	// Columns is how many columns each of the client's rows has, for COPY FROM.
	Columns int
	// Tenant is nil when rows pass as they are.
	Tenant *CopyTenant
}

// CopyFormat is the format of the rows.
type CopyFormat uint8

// The formats (Postgres manual, "COPY", "File Formats").
const (
	CopyText CopyFormat = iota
	CopyCSV
	CopyBinary
)

// CopyHeader is what the first line of the rows is.
type CopyHeader uint8

// The values of the option HEADER.
const (
	CopyNoHeader CopyHeader = iota
	CopySkipHeader
	CopyMatchHeader
)

// CopyTenant tells where the rows hold the tenant.
type CopyTenant struct {
	Table  string // schema.name
	Column string
	Type   policy.ColumnType
	// Index is the tenant column's among the columns of the client's rows. When it is not there, Index is -1, and SQL expects it in front.
	Index int
	// ForceNull and ForceNotNull are set when the options FORCE_NULL and FORCE_NOT_NULL name the column.
	ForceNull, ForceNotNull bool
}

// Same reports whether a value of the client's, as text or in the type's binary form, is the tenant's id.
func (c *CopyTenant) Same(value []byte, binary bool, t policy.TenantID) bool {
	text := string(value)
	if binary {
		var ok bool
		if text, ok = binaryText(c.Type, value); !ok || c.Type == policy.TypeInt4 && len(value) != 4 || c.Type == policy.TypeInt8 && len(value) != 8 {
			return false
		}
	}
	return sameID(c.Type, text, t.String())
}

// CopyMismatch is the refusal of a row that gives another tenant.
func (p *Plan) CopyMismatch(c *CopyTenant) *Denial { return p.mismatch(c.Table, 0) }

// copyStmt rewrites COPY. To STDOUT it becomes a COPY of a query. From STDIN the tenant column joins the list, unless it is there, and
// the session gives it the tenant in every row; the condition behind it keeps out what should get past that all the same.
func (p *pass) copyStmt(s *pg.CopyStmt) Statement {
	if s.IsProgram || s.Filename != "" {
		p.denyCopyFile(s)
		return Statement{}
	}
	p.spliced = true
	c := &Copy{From: s.IsFrom}
	var st Statement
	switch {
	case s.IsFrom:
		p.copyFrom(s, c)
		st = Statement{Writes: true}
	case s.Relation != nil:
		p.copyTable(s, c)
		st = Statement{Returns: true}
	default:
		st = p.copyQuery(s, c)
	}
	st.Kind, st.Copy = KindCopy, c
	return st
}

// denyCopyFile answers as Postgres does to somebody who may not use the server's files.
func (p *pass) denyCopyFile(s *pg.CopyStmt) {
	verb, role := "COPY to a file", "pg_write_server_files"
	switch {
	case s.IsProgram:
		verb, role = "COPY to or from an external program", "pg_execute_server_program"
	case s.IsFrom:
		verb, role = "COPY from a file", "pg_read_server_files"
	}
	message := "permission denied to " + verb
	switch server := p.cat.ServerVersion; {
	case server < 150000:
		message = "must be superuser or a member of the " + role + " role to " + verb
	case server < 160000:
		message = "must be superuser or have privileges of the " + role + " role to " + verb
	}
	p.deny(statePrivilege, ruleStatementKind, message,
		`Anyone can COPY to stdout or from stdin. psql's \copy command also works for anyone.`)
}

// copyQuery rewrites COPY (query) TO STDOUT.
func (p *pass) copyQuery(s *pg.CopyStmt, c *Copy) Statement {
	switch s.Query.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt:
	case *pg.Node_MergeStmt:
		p.deny(stateFeature, ruleStatementKind, "MERGE not supported in COPY", "")
		return Statement{}
	default:
		p.deny(stateFeature, ruleStatementKind, "COPY of "+statementName(nodeName(s.Query))+" is not supported", "")
		return Statement{}
	}
	if s.Query.GetSelectStmt().GetIntoClause() != nil {
		p.deny(stateFeature, ruleStatementKind, "COPY (SELECT INTO) is not supported", "")
	}
	st := p.statement(s.Query)
	if !st.Returns {
		p.deny(stateFeature, ruleClause, "COPY query must have a RETURNING clause", "")
	}
	p.copyOptions(s, c, nil)
	return Statement{Writes: st.Writes, Returns: true}
}

// copyTable turns COPY of a table into COPY of a query: of its columns, those that are generated excepted, and of its own rows, those
// of its children excepted.
func (p *pass) copyTable(s *pg.CopyStmt, c *Copy) {
	t := p.copyRelation(s)
	if t == nil {
		return
	}
	names := p.copyColumns(s.Attlist, t)
	p.copyOptions(s, c, func(option, name string) { p.copyListed(option, name, names, t) })
	if p.denial != nil {
		return
	}
	list := make([]*pg.Node, len(names))
	for i, name := range names {
		list[i] = resTarget("", columnRef([]*pg.Node{pg.MakeStrNode(name)}))
	}
	if len(t.Relation.Columns) == 0 && len(names) == 0 {
		list = []*pg.Node{resTarget("", columnRef([]*pg.Node{{Node: &pg.Node_AStar{AStar: &pg.A_Star{}}}}))}
	}
	from := &pg.RangeVar{Schemaname: t.Relation.Schema, Relname: t.Relation.Name, Relpersistence: "p", Location: s.Relation.Location}
	q := &pg.SelectStmt{TargetList: list, FromClause: []*pg.Node{{Node: &pg.Node_RangeVar{RangeVar: from}}},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE}
	p.selectStmt(q, nil, nil)
	s.Relation, s.Attlist, s.Query = nil, nil, &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: q}}
}

// copyFrom rewrites COPY FROM STDIN.
func (p *pass) copyFrom(s *pg.CopyStmt, c *Copy) {
	if p.copyRelation(s) == nil {
		return
	}
	p.adding(s.Relation)
	t, it := p.target(s.Relation)
	if t == nil {
		return
	}
	names := p.copyColumns(s.Attlist, t)
	c.Table, c.Columns = t.Relation.Name, len(names)
	listed := names
	if t.Scope.HasTenant() {
		tenant := &CopyTenant{Table: t.Relation.Schema + "." + t.Relation.Name, Column: t.Column, Type: t.Type, Index: slices.Index(names, t.Column)}
		if tenant.Index < 0 {
			names = append([]string{t.Column}, names...)
		}
		c.Tenant = tenant
		if col := t.Relation.Column(t.Column); col.Generated != 0 {
			p.denyTenantValue(t, -1)
		}
	}
	p.copyOptions(s, c, func(option, name string) { p.copyListed(option, name, listed, t) })
	if c.Tenant != nil && p.denial == nil {
		copyForced(s, listed, c.Tenant)
	}
	if c.From && c.Format == CopyCSV && (c.Quote == '\\' || c.Quote == '.') {
		p.deny(stateFeature, ruleClause, "COPY FROM with this quote character is not supported", "")
	}
	sc := &scope{items: []*item{it}}
	p.expr(s.WhereClause, sc)
	if p.denial != nil {
		return
	}
	s.Attlist = nil
	for _, name := range names {
		s.Attlist = append(s.Attlist, pg.MakeStrNode(name))
	}
	if c.Tenant != nil {
		s.WhereClause = and(p.predicates(it.ref, t, writing)[:1], s.WhereClause) // not that against rows marked as deleted
		p.note(t, it.name, it.ref, "COPY FROM: the tenant column is filled in or checked in each row")
	}
}

// copyRelation finds the relation of a COPY and checks its kind, after its permission, as Postgres does.
func (p *pass) copyRelation(s *pg.CopyStmt) *policy.BoundTable {
	s.Relation.Location = -1 // Postgres reports none
	rel := p.relation(s.Relation)
	if rel == nil {
		return nil
	}
	t := p.table(rel)
	if t == nil || t.Scope == policy.ScopeDenied {
		p.denyRelation(s.Relation, rel, t)
		return nil
	}
	verb, hint := "cannot copy from ", "Try the COPY (SELECT ...) TO variant."
	if s.IsFrom {
		verb, hint = "cannot copy to ", ""
	}
	deny := func(kind, hint string) *policy.BoundTable {
		p.deny(stateWrongKind, ruleRelationKind, verb+kind+` "`+rel.Name+`"`, hint)
		return nil
	}
	switch rel.Kind {
	case catalog.Table:
		return t
	case catalog.PartitionedTable:
		if s.IsFrom {
			return t
		}
		return deny("partitioned table", hint)
	case catalog.ForeignTable:
		if s.IsFrom {
			return t
		}
		return deny("foreign table", hint)
	case catalog.View:
		if s.IsFrom {
			hint = "To enable copying to a view, provide an INSTEAD OF INSERT trigger."
		}
		return deny("view", hint)
	case catalog.MaterializedView:
		return deny("materialized view", hint)
	case catalog.Sequence:
		return deny("sequence", "")
	case catalog.CompositeType:
	}
	return deny("non-table relation", "")
}

// copyColumns are the names of a COPY's columns: those of its list, or all that are not generated.
func (p *pass) copyColumns(list []*pg.Node, t *policy.BoundTable) []string {
	var names []string
	unknown := len(t.Relation.Columns) == 0 // of a temporary table made by the same text
	if len(list) == 0 {
		for _, c := range t.VisibleColumns() {
			if c.Generated == 0 {
				names = append(names, c.Name)
			}
		}
		return names
	}
	for _, n := range list {
		name := n.GetString_().GetSval()
		if p.denyHidden(t, name, -1) {
			return nil
		}
		c := t.Relation.Column(name)
		switch {
		case c == nil && unknown:
		case c == nil:
			p.deny("42703", ruleClause, `column "`+name+`" of relation "`+t.Relation.Name+`" does not exist`, "")
		case c.Generated != 0:
			p.deny("42P10", ruleClause, `column "`+name+`" is a generated column`, "Generated columns cannot be used in COPY.")
		case slices.Contains(names, name):
			p.deny("42701", ruleClause, `column "`+name+`" specified more than once`, "")
		}
		names = append(names, name)
	}
	return names
}
