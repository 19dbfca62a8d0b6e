package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy/catalog"
	"pgcordon/rewriter/lexer"
)

// Which literals of a text may be others without a rule's verdict changing is read off the parser's tree before the rewriter changes it. The walk is closed:
// a literal is fixed, unless it stands as a plain constant in a place that is named here. Of the rules that look at constants
//
//   - in the arguments of a function, in a cast to a type that looks up names, in TABLESAMPLE, in a type's modifiers, as a position in GROUP BY
//     or ORDER BY, in a subscript, in utility statements: such places are not named here;
//   - as operands: they ask for the kind of the constant, and of a text what textClass tells (order.go, estimate.go, like.go);
//   - set_config with a condition on pg_settings (settings_func.go), and the queries on system catalogs: a statement that has either keeps all
//     of its literals;
//   - as values of a tenant column: these are checked for each text (Plan.CheckConstants).
//
// A constant that is not printed as itself, or more than once from different nodes, is fixed too: see lesson.

// role says what is known of a literal of a shape. The higher ones allow less.
type role uint8

const (
	// roleComment: it is not part of the statement.
	roleComment role = iota
	// roleFree: any value of its kind.
	roleFree
	// roleClassed: any value of its kind and textClass.
	roleClassed
	// roleFixed: its bytes are part of what a variant is found by.
	roleFixed
)

// textClass is all that rules ask of a constant text that stands in a place of roleClassed.
func textClass(value []byte) byte {
	s := string(value)
	class := byte(1)
	for i, is := range [...]bool{maybeBoolean(s), !harmlessLikePattern(s), !harmlessByteaPattern(s), endsPlainly(text(s))} {
		if is {
			class |= 2 << i
		}
	}
	return class
}

// roles finds the constants behind a text's literals.
type roles struct {
	// at finds a literal by the offset of its first byte, or of the minus before it.
	at    map[int32]int
	role  []role
	nodes []*pg.A_Const // by literal; nil for those that are no constants in named places
}

// rolesOf returns the roles of a text's literals; nil when the text holds a statement of another kind than those that have shapes.
func rolesOf(tree *pg.ParseResult, sql string, literals []lexer.Literal, cat *catalog.Snapshot) *roles {
	r := &roles{at: make(map[int32]int, len(literals)), role: make([]role, len(literals)), nodes: make([]*pg.A_Const, len(literals))}
	for i, l := range literals {
		if l.Kind == lexer.Comment {
			continue
		}
		r.role[i] = roleFixed
		r.at[l.Start] = i
		if at := minusBefore(sql, literals, i); at >= 0 {
			r.at[int32(at)] = i
		}
	}
	for _, s := range tree.Stmts {
		if !r.statement(s.Stmt) {
			return nil
		}
	}
	if keepsLiterals(tree, cat) {
		for i, l := range literals {
			if r.nodes[i] = nil; l.Kind != lexer.Comment {
				r.role[i] = roleFixed
			}
		}
	}
	return r
}

// keepsLiterals tells whether a text calls set_config or could name a system relation.
func keepsLiterals(tree *pg.ParseResult, cat *catalog.Snapshot) bool {
	keeps := false
	eachMessage(tree.ProtoReflect(), func(m protoreflect.Message) {
		switch v := m.Interface().(type) {
		case *pg.FuncCall:
			keeps = keeps || opName(v.Funcname) == "set_config"
		case *pg.RangeVar:
			for name, s := range cat.Schemas {
				keeps = keeps || catalog.IsSystem(name) && (v.Schemaname == name || v.Schemaname == "" && s.Relations[v.Relname] != nil)
			}
		}
	})
	return keeps
}

// minusBefore returns the offset of a minus that stands before a number, with white space between them or none; -1 for none.
func minusBefore(sql string, literals []lexer.Literal, i int) int {
	if k := literals[i].Kind; k == lexer.String || k == lexer.Escaped {
		return -1
	}
	first := 0
	if i > 0 {
		first = int(literals[i-1].End)
	}
	for at := int(literals[i].Start) - 1; at >= first; at-- {
		switch c := sql[at]; {
		case c == '-':
			return at
		case !isSpace(c):
			return -1
		}
	}
	return -1
}

// value notes a constant that stands in a named place; anything else is walked.
func (r *roles) value(n *pg.Node, as role) {
	c := n.GetAConst()
	if c == nil {
		r.walk(n)
		return
	}
	i, ok := r.at[c.Location]
	if !ok || c.Location <= 0 || c.Isnull {
		return
	}
	if r.nodes[i] != nil { // the tree holds a copy
		r.role[i] = roleFixed
		return
	}
	r.nodes[i], r.role[i] = c, as
}

func (r *roles) values(list []*pg.Node, as role) {
	for _, n := range list {
		r.value(n, as)
	}
}

// statement walks a statement; false for kinds that have no shapes.
func (r *roles) statement(n *pg.Node) bool {
	switch v := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		if v.SelectStmt.IntoClause != nil {
			return false
		}
		r.query(v.SelectStmt)
	case *pg.Node_InsertStmt:
		r.insert(v.InsertStmt)
	case *pg.Node_UpdateStmt:
		r.update(v.UpdateStmt)
	case *pg.Node_DeleteStmt:
		r.delete(v.DeleteStmt)
	case *pg.Node_TransactionStmt:
	default:
		return false
	}
	return true
}

func (r *roles) query(s *pg.SelectStmt) {
	if s == nil {
		return
	}
	r.with(s.WithClause)
	r.query(s.Larg)
	r.query(s.Rarg)
	for _, row := range s.ValuesLists {
		r.values(row.GetList().GetItems(), roleClassed)
	}
	for _, t := range s.TargetList {
		r.value(t.GetResTarget().GetVal(), roleClassed)
	}
	r.from(s.FromClause)
	r.walk(s.WhereClause)
	r.walk(s.HavingClause)
	for _, list := range [][]*pg.Node{s.GroupClause, s.SortClause, s.DistinctClause} {
		for _, n := range list {
			r.walk(n) // a constant is a position
		}
	}
	r.value(s.LimitCount, roleFree)
	r.value(s.LimitOffset, roleFree)
}

func (r *roles) with(w *pg.WithClause) {
	for _, n := range w.GetCtes() {
		switch q := n.GetCommonTableExpr().GetCtequery().GetNode().(type) {
		case *pg.Node_SelectStmt:
			r.query(q.SelectStmt)
		case *pg.Node_InsertStmt:
			r.insert(q.InsertStmt)
		case *pg.Node_UpdateStmt:
			r.update(q.UpdateStmt)
		case *pg.Node_DeleteStmt:
			r.delete(q.DeleteStmt)
		}
	}
}

func (r *roles) from(list []*pg.Node) {
	for _, n := range list {
		switch v := n.GetNode().(type) {
		case *pg.Node_JoinExpr:
			r.from([]*pg.Node{v.JoinExpr.Larg, v.JoinExpr.Rarg})
			r.walk(v.JoinExpr.Quals)
		case *pg.Node_RangeSubselect:
			r.query(v.RangeSubselect.Subquery.GetSelectStmt())
		}
	}
}

func (r *roles) insert(s *pg.InsertStmt) {
	r.with(s.WithClause)
	sel := s.SelectStmt.GetSelectStmt()
	if sel != nil && plainValues(sel) {
		for _, row := range sel.ValuesLists {
			r.values(row.GetList().GetItems(), roleFree)
		}
	} else {
		r.query(sel)
	}
	if c := s.OnConflictClause; c != nil {
		r.assignments(c.TargetList)
		r.walk(c.WhereClause)
	}
	r.targets(s.ReturningList)
}

func (r *roles) update(s *pg.UpdateStmt) {
	r.with(s.WithClause)
	r.assignments(s.TargetList)
	r.from(s.FromClause)
	r.walk(s.WhereClause)
	r.targets(s.ReturningList)
}

func (r *roles) delete(s *pg.DeleteStmt) {
	r.with(s.WithClause)
	r.from(s.UsingClause)
	r.walk(s.WhereClause)
	r.targets(s.ReturningList)
}

func (r *roles) targets(list []*pg.Node) {
	for _, n := range list {
		r.value(n.GetResTarget().GetVal(), roleClassed)
	}
}

func (r *roles) assignments(list []*pg.Node) {
	for _, n := range list {
		if t := n.GetResTarget(); len(t.GetIndirection()) == 0 && t.GetVal().GetMultiAssignRef() == nil {
			r.value(t.GetVal(), roleFree)
		}
	}
}

// walk looks for constants inside an expression that is none itself. What is not named here keeps its literals.
func (r *roles) walk(n *pg.Node) {
	switch v := n.GetNode().(type) {
	case *pg.Node_AExpr:
		r.operator(v.AExpr)
	case *pg.Node_BoolExpr:
		for _, a := range v.BoolExpr.Args {
			r.walk(a)
		}
	case *pg.Node_NullTest:
		r.walk(v.NullTest.Arg)
	case *pg.Node_BooleanTest:
		r.walk(v.BooleanTest.Arg)
	case *pg.Node_CaseExpr:
		r.value(v.CaseExpr.Arg, roleClassed)
		for _, w := range v.CaseExpr.Args {
			if v.CaseExpr.Arg != nil {
				r.value(w.GetCaseWhen().GetExpr(), roleClassed)
			} else {
				r.walk(w.GetCaseWhen().GetExpr())
			}
			r.value(w.GetCaseWhen().GetResult(), roleClassed)
		}
		r.value(v.CaseExpr.Defresult, roleClassed)
	case *pg.Node_CoalesceExpr:
		r.values(v.CoalesceExpr.Args, roleClassed)
	case *pg.Node_MinMaxExpr:
		r.values(v.MinMaxExpr.Args, roleClassed)
	case *pg.Node_AArrayExpr:
		r.values(v.AArrayExpr.Elements, roleClassed)
	case *pg.Node_RowExpr:
		r.values(v.RowExpr.Args, roleClassed)
	case *pg.Node_TypeCast:
		if plainCast(v.TypeCast.TypeName) {
			r.value(v.TypeCast.Arg, roleClassed)
		}
	case *pg.Node_CollateClause:
		r.value(v.CollateClause.Arg, roleClassed)
	case *pg.Node_SubLink:
		r.value(v.SubLink.Testexpr, roleClassed)
		r.query(v.SubLink.Subselect.GetSelectStmt())
	case *pg.Node_SortBy:
		r.walk(v.SortBy.Node)
	case *pg.Node_FuncCall:
		r.call(v.FuncCall)
	}
}

func (r *roles) operator(e *pg.A_Expr) {
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP, pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL, pg.A_Expr_Kind_AEXPR_DISTINCT,
		pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, pg.A_Expr_Kind_AEXPR_NULLIF, pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		r.value(e.Lexpr, roleClassed)
		r.value(e.Rexpr, roleClassed)
	case pg.A_Expr_Kind_AEXPR_IN, pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		r.value(e.Lexpr, roleClassed)
		r.values(e.Rexpr.GetList().GetItems(), roleClassed)
	}
}

// plainCalls are functions of which no rule looks at the arguments; those with true may also have constants that differ.
var plainCalls = map[string]bool{
	"count": false, "sum": false, "avg": false, "min": false, "max": false, "bool_and": false, "bool_or": false, "every": false,
	"array_agg": false, "string_agg": false, "json_agg": false, "jsonb_agg": false, "to_char": false, "date_trunc": false, "concat": false,
	"lower": true, "upper": true, "length": true, "abs": true, "round": true, "floor": true, "ceil": true,
}

func (r *roles) call(f *pg.FuncCall) {
	constants, ok := plainCalls[opName(f.Funcname)]
	if !ok || f.Over != nil || f.AggWithinGroup {
		return
	}
	for _, a := range f.Args {
		if constants {
			r.value(a, roleClassed)
		} else {
			r.walk(a)
		}
	}
	for _, a := range f.AggOrder {
		r.walk(a)
	}
	r.walk(f.AggFilter)
}

// plainCasts are built-in types of which the input looks up no name, and whose casts from constants no rule looks at.
var plainCasts = map[string]bool{
	"text": true, "varchar": true, "uuid": true, "int2": true, "int4": true, "int8": true, "numeric": true, "float4": true, "float8": true,
	"bool": true, "date": true, "time": true, "timestamp": true, "timestamptz": true, "interval": true, "json": true, "jsonb": true,
}

func plainCast(t *pg.TypeName) bool {
	if len(t.GetArrayBounds()) > 0 || len(t.GetTypmods()) > 0 || t.GetSetof() || len(t.GetNames()) == 0 {
		return false
	}
	name, system := lastName(t.Names)
	return plainCasts[name] && (system || len(t.Names) == 1)
}
