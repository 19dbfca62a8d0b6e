package rewriter

import (
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy/catalog"
	"pgcordon/rewriter/lexer"
)

// Literals as parameters. A statement that comes again and again with other literals is cheaper for Postgres as a prepared one. A literal
// becomes a parameter only where that changes nothing: it is compared with a column in WHERE or ON, or stored in one by INSERT or UPDATE, there
// also as what is added to a column, and the column's type is one for which no value of the literal's kind can fail to be read. An integer is declared with the type that Postgres gives the literal; a
// text is left open, as an untyped literal is. All other literals stay as they are, and the statement serves only texts that have the same there.
//
// A table with a partial index keeps its literals: the planner has to see them to know that the index holds the rows.

// paramForm is a variant's statement with its literals as parameters.
type paramForm struct {
	plan *Plan
	// values are the literals of the parameters $1, $2, ...
	values []spot
	// kept are the literals that are no parameters, by literal; empty for the others, and for comments.
	kept []string
}

// compared notes the type of the column that constants are compared with, or added to.
func (l *lesson) compared(p *pass, e *pg.A_Expr, sc *scope) {
	if l == nil || l.roles == nil || p.inView > 0 {
		return
	}
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP, pg.A_Expr_Kind_AEXPR_IN, pg.A_Expr_Kind_AEXPR_BETWEEN:
	default:
		return
	}
	if e.Lexpr.GetColumnRef() == nil {
		return
	}
	typ := p.typeOf(e.Lexpr, sc)
	switch op := opName(e.Name); {
	case comparisons[op], e.Kind == pg.A_Expr_Kind_AEXPR_BETWEEN:
	case (op == "+" || op == "-") && surelyRead(lexer.Int4, typ):
	default:
		return
	}
	for _, n := range append([]*pg.Node{e.Rexpr}, e.Rexpr.GetList().GetItems()...) {
		if c := n.GetAConst(); c != nil {
			l.columns[c] = typ
		}
	}
}

// stored notes the type of the column that a constant is stored in.
func (l *lesson) stored(n *pg.Node, column *catalog.Column) {
	if c := n.GetAConst(); l != nil && l.roles != nil && c != nil && column != nil {
		l.columns[c] = column.TypeOID
	}
}

// storedRows notes the columns of an INSERT's VALUES.
func (l *lesson) storedRows(cols []*pg.Node, sel *pg.SelectStmt, rel *catalog.Relation) {
	if l == nil || len(sel.GetValuesLists()) != 1 || !plainValues(sel) {
		return
	}
	for i, n := range sel.ValuesLists[0].GetList().GetItems() {
		if i < len(cols) {
			l.stored(n, rel.Column(cols[i].GetResTarget().GetName()))
		}
	}
}

// paramPlaces returns the constants of the conditions in which parameters may stand, and those that are stored, before the tree is changed.
func paramPlaces(tree *pg.ParseResult) map[*pg.A_Const]bool {
	out := map[*pg.A_Const]bool{}
	if len(tree.Stmts) != 1 {
		return out
	}
	add := func(list ...*pg.Node) {
		for _, n := range list {
			if c := n.GetAConst(); c != nil {
				out[c] = true
			}
		}
	}
	var condition func(n *pg.Node)
	condition = func(n *pg.Node) {
		for _, a := range n.GetBoolExpr().GetArgs() {
			condition(a)
		}
		if e := n.GetAExpr(); e != nil {
			add(e.Rexpr)
			add(e.Rexpr.GetList().GetItems()...)
		}
	}
	var joins func(list []*pg.Node)
	joins = func(list []*pg.Node) {
		for _, n := range list {
			if j := n.GetJoinExpr(); j != nil {
				condition(j.Quals)
				joins([]*pg.Node{j.Larg, j.Rarg})
			}
		}
	}
	switch v := tree.Stmts[0].Stmt.GetNode().(type) {
	case *pg.Node_SelectStmt:
		if v.SelectStmt.Op == pg.SetOperation_SETOP_NONE {
			condition(v.SelectStmt.WhereClause)
			joins(v.SelectStmt.FromClause)
		}
	case *pg.Node_InsertStmt:
		if sel := v.InsertStmt.SelectStmt.GetSelectStmt(); sel != nil && plainValues(sel) && len(sel.ValuesLists) == 1 {
			add(sel.ValuesLists[0].GetList().GetItems()...)
		}
	case *pg.Node_UpdateStmt:
		condition(v.UpdateStmt.WhereClause)
		joins(v.UpdateStmt.FromClause)
		for _, t := range v.UpdateStmt.TargetList {
			val := t.GetResTarget().GetVal()
			add(val)
			if e := val.GetAExpr(); e != nil && (opName(e.Name) == "+" || opName(e.Name) == "-") {
				add(e.Rexpr)
			}
		}
	case *pg.Node_DeleteStmt:
		condition(v.DeleteStmt.WhereClause)
		joins(v.DeleteStmt.UsingClause)
	}
	return out
}

// maxLiteralParams bounds the parameters that stand for literals: a statement with more is a list of rows or keys, of changing length.
const maxLiteralParams = 64

// parameterised makes the statement with parameters; nil when no literal can be one.
func (l *lesson) parameterised(plan *Plan, places []spot, cat *catalog.Snapshot) *paramForm {
	if len(plan.Statements) != 1 || plan.ClientParams > 0 || plan.Spliced || plan.through || len(plan.Constants) > 0 || partlyIndexed(plan, cat) {
		return nil
	}
	switch plan.Statements[0].Kind {
	case KindSelect, KindInsert, KindUpdate, KindDelete:
	default:
		return nil
	}
	f := &paramForm{kept: make([]string, len(l.literals))}
	printed := make([]int, len(l.literals))
	for _, s := range places {
		printed[s.literal]++
	}
	p := *plan
	p.ParamTypes, p.Tenants = nil, nil
	for i, lit := range l.literals {
		c := l.roles.nodes[i]
		if c != nil && l.params[c] && printed[i] == 1 && l.roles.role[i] != roleFixed && surelyRead(lit.Kind, l.columns[c]) {
			continue
		}
		if lit.Kind != lexer.Comment {
			f.kept[i] = l.sql[lit.Start:lit.End]
		}
	}
	for _, s := range places {
		if f.kept[s.literal] == "" {
			f.values = append(f.values, s)
			p.ParamTypes = append(p.ParamTypes, literalType[l.literals[s.literal].Kind])
		}
	}
	if len(f.values) == 0 || len(f.values) > maxLiteralParams {
		return nil
	}
	p.ClientParams = len(f.values)
	for _, t := range plan.Tenants {
		t.Number += p.ClientParams
		p.Tenants = append(p.Tenants, t)
	}
	p.renumber(plan, f.values)
	p.size = planSize(&p)
	f.plan = &p
	return f
}

// renumber writes parameters in the place of literals, and moves the tenant's behind them.
func (p *Plan) renumber(from *Plan, values []spot) {
	var b strings.Builder
	p.splices, p.origins = slices.Clone(from.splices), slices.Clone(from.origins)
	at, s, o, v := 0, 0, 0, 0
	upTo := func(end int) {
		for ; o < len(p.origins) && int(p.origins[o].out) <= end; o++ {
			p.origins[o].out += int32(b.Len() - at)
		}
		b.WriteString(from.SQL[at:end])
	}
	for s < len(p.splices) || v < len(values) {
		if v < len(values) && (s == len(p.splices) || int(values[v].start) < p.splices[s].start) {
			start := int(values[v].start)
			if values[v].negative {
				start--
			}
			upTo(start)
			v++
			b.WriteString("$" + strconv.Itoa(v))
			at = int(values[v-1].end)
			continue
		}
		sp := &p.splices[s]
		upTo(sp.start)
		at = sp.end
		sp.start = b.Len()
		b.WriteString("$" + strconv.Itoa(p.Tenants[sp.tenant].Number))
		sp.end = b.Len()
		s++
	}
	upTo(len(from.SQL))
	p.SQL = b.String()
}

// literalType is the type that Postgres gives a literal; 0 for none yet.
var literalType = map[lexer.Kind]uint32{lexer.Int4: oidInt4, lexer.Int8: oidInt8, lexer.Numeric: oidNumeric}

// surelyRead tells whether every literal of a kind is a value that a column of this type is compared with or given without being read anew.
func surelyRead(kind lexer.Kind, column uint32) bool {
	switch column {
	case oidInt2, oidInt4, oidInt8:
		return kind == lexer.Int4 || kind == lexer.Int8
	case oidNumeric:
		return kind == lexer.Int4 || kind == lexer.Int8 || kind == lexer.Numeric
	case oidText, oidVarchar:
		return kind == lexer.String || kind == lexer.Escaped
	}
	return false
}

// partlyIndexed tells whether a table of the plan has a partial index.
func partlyIndexed(plan *Plan, cat *catalog.Snapshot) bool {
	for _, n := range plan.Relations {
		schema, name, _ := strings.Cut(n.Relation, ".")
		s := cat.Schemas[schema]
		if s == nil || s.Relations[name] == nil || slices.ContainsFunc(s.Relations[name].Indexes, func(i catalog.Index) bool { return i.Partial }) {
			return true
		}
	}
	return false
}
