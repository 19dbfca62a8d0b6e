package rewriter

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// The sweep proves the rewriter's output without trusting how it was made: it parses the very text that goes upstream, and looks at
// every message of the parse tree by reflection. It shares no code with the rewriter but the tables of built-in functions, and knows
// only what a confined statement looks like. What it does not know, it refuses: the default of each switch is an error.
//
// Its errors are for developers. A client never sees them.

// sweepInput is what the rewriter claims about its output.
type sweepInput struct {
	bound      *policy.Bound
	role       *policy.Role // nil for an ordinary tenant user
	statements int          // how many the client's text had
	// tenants are the parameters that carry the tenant, by number.
	tenants      map[int32]policy.ColumnType
	clientParams int
	// temporary are the session's temporary tables; nil for none.
	temporary *catalog.Temporary
	// channels are the client's channels by their placeholders.
	channels map[string]string
	// spliced says that the tenant's parameters are replaced by literals in both protocols.
	spliced bool
}

// errNotEqual tells that the printed text does not parse into the intended tree: a fault of the printer, not of the rewriter.
var errNotEqual = errors.New("the printed text parses into another tree than the one intended")

// sweep returns nil when sql, parsed again, is the tree want in as many statements as the client wrote,
// and each of them stays inside the tenant.
func sweep(sql string, want *pg.ParseResult, in sweepInput) error {
	got, err := pg.Parse(sql)
	if err != nil {
		return fmt.Errorf("%w: it does not parse: %w", errNotEqual, err)
	}
	if len(got.Stmts) != in.statements {
		return fmt.Errorf("%w: %d statements became %d", errNotEqual, in.statements, len(got.Stmts))
	}
	if !equalTrees(got.ProtoReflect(), want.ProtoReflect()) {
		return errNotEqual
	}
	s := sweeper{in: in, catalog: indexCatalog(in.bound)}
	for _, raw := range got.Stmts {
		s.top(raw.Stmt)
		if s.names && s.err == nil {
			s.regValues(raw.Stmt.ProtoReflect(), nil)
		}
	}
	return s.err
}

// equalTrees compares two parse trees in everything but positions in the text.
func equalTrees(a, b protoreflect.Message) bool {
	if a.Descriptor() != b.Descriptor() {
		return false
	}
	shape := shapeOf(a.Descriptor())
	for _, f := range shape.fields {
		if has := a.Has(f); has != b.Has(f) || has && !equalValues(f, a.Get(f), b.Get(f)) {
			return false
		}
	}
	for _, o := range shape.oneofs {
		f := a.WhichOneof(o)
		if f != b.WhichOneof(o) || f != nil && !equalValues(f, a.Get(f), b.Get(f)) {
			return false
		}
	}
	return len(a.GetUnknown()) == 0 && len(b.GetUnknown()) == 0
}

// treeShape is what equalTrees compares of one type of message. A Node has one field for each of some 260 types, so
// that asking for the one that is set is much faster than looking at all.
type treeShape struct {
	fields []protoreflect.FieldDescriptor // outside of oneofs, but for positions
	oneofs []protoreflect.OneofDescriptor
}

var treeShapes sync.Map // of *treeShape by protoreflect.MessageDescriptor

func shapeOf(d protoreflect.MessageDescriptor) *treeShape {
	if shape, ok := treeShapes.Load(d); ok {
		return shape.(*treeShape)
	}
	shape := &treeShape{}
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.ContainingOneof() == nil && !isPosition(f) {
			shape.fields = append(shape.fields, f)
		}
	}
	for i := range d.Oneofs().Len() {
		shape.oneofs = append(shape.oneofs, d.Oneofs().Get(i))
	}
	treeShapes.Store(d, shape)
	return shape
}

func equalValues(f protoreflect.FieldDescriptor, a, b protoreflect.Value) bool {
	switch {
	case f.IsMap():
		return false // the parse tree has none
	case f.IsList():
		x, y := a.List(), b.List()
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if f.Message() != nil && !equalTrees(x.Get(i).Message(), y.Get(i).Message()) ||
				f.Message() == nil && !x.Get(i).Equal(y.Get(i)) {
				return false
			}
		}
		return true
	case f.Message() != nil:
		return equalTrees(a.Message(), b.Message())
	}
	return a.Equal(b)
}

func isPosition(f protoreflect.FieldDescriptor) bool {
	switch f.Name() {
	case "location", "stmt_location", "stmt_len":
		return true
	}
	return false
}

// sweeper walks one output. The first thing wrong ends the walk.
type sweeper struct {
	in      sweepInput
	catalog *catalogIndex
	// made are the temporary tables that the text itself has made so far.
	made map[string]*catalog.Relation
	// shared counts the tables seen so far with rows that every tenant reads.
	shared int
	// ownParams is set inside PREPARE, where every parameter that is not the tenant's is the prepared statement's own.
	ownParams bool
	// inOrder are the names of a condition whose parts run in the order in which they are written.
	inOrder *sweepScope
	// names is set once a cast to a type like regclass has been seen.
	names bool
	err   error
}

func (s *sweeper) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// sweepEnv is what names mean at some place: the tables of the FROM lists around it, and the CTEs in scope.
type sweepEnv struct {
	names *sweepScope
	ctes  *sweepCTE
}

// sweepCTE is a name of a WITH clause, before those that were in scope already.
type sweepCTE struct {
	name string
	next *sweepCTE
}

func (c *sweepCTE) has(name string) bool {
	for ; c != nil; c = c.next {
		if c.name == name {
			return true
		}
	}
	return false
}

// sweepScope holds the names of one query's FROM, and of the query around it.
type sweepScope struct {
	names  []fromName
	parent *sweepScope
	// shared are the names of the items through which rows come that every tenant reads; empty for an item without a name.
	shared []string
	// locking are the locking clauses of the level, where a table that they lock by its own name is read without default rows.
	locking []*pg.Node
}

// fromName is one item of FROM as column references name it: by its alias, or by schema and table.
type fromName struct {
	schema, name string
	table        *policy.BoundTable // nil for a sub-select, function, CTE or aliased join
	system       *catalog.Relation  // of a system relation, or the sub-select in its place
}

func (sc *sweepScope) find(schema, relation string) *fromName {
	for ; sc != nil; sc = sc.parent {
		for i := range sc.names {
			n := &sc.names[i]
			if n.name == relation && (n.schema == schema || schema == "" && n.table != nil) {
				return n
			}
		}
	}
	return nil
}

// top checks one statement as the client's kind of it allows.
func (s *sweeper) top(n *pg.Node) {
	if s.schemaChange(n) {
		return
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_TransactionStmt:
		s.transaction(x.TransactionStmt)
	case *pg.Node_TruncateStmt:
		s.truncate(x.TruncateStmt)
	case *pg.Node_LockStmt:
		s.lock(x.LockStmt)
	case *pg.Node_ExplainStmt:
		s.explain(x.ExplainStmt)
	case *pg.Node_VariableSetStmt:
		s.variableSet(x.VariableSetStmt)
	case *pg.Node_CopyStmt:
		s.copy(x.CopyStmt)
	case *pg.Node_VariableShowStmt:
		if !shownSettings[x.VariableShowStmt.Name] && !s.changeable(x.VariableShowStmt.Name) {
			s.fail("SHOW %s", x.VariableShowStmt.Name)
		}
	case *pg.Node_ConstraintsSetStmt:
		for _, n := range x.ConstraintsSetStmt.Constraints {
			if n.GetRangeVar() == nil {
				s.fail("SET CONSTRAINTS of %T", n.GetNode())
			}
		}
	case *pg.Node_CreateStmt:
		s.createTable(x.CreateStmt)
	case *pg.Node_CreateTableAsStmt:
		s.createTableAs(x.CreateTableAsStmt)
	case *pg.Node_DropStmt:
		s.dropTable(x.DropStmt)
	case *pg.Node_IndexStmt:
		s.createIndex(x.IndexStmt)
	case *pg.Node_VacuumStmt:
		s.analyze(x.VacuumStmt)
	case *pg.Node_PrepareStmt:
		s.prepare(x.PrepareStmt)
	case *pg.Node_ExecuteStmt:
		s.execute(x.ExecuteStmt)
	case *pg.Node_DeallocateStmt:
		if name := x.DeallocateStmt.Name; name != "" {
			s.preparedName(name)
		}
	case *pg.Node_DeclareCursorStmt:
		s.declareCursor(x.DeclareCursorStmt)
	case *pg.Node_FetchStmt:
		s.cursor(x.FetchStmt.Portalname)
	case *pg.Node_ClosePortalStmt:
		s.cursor(x.ClosePortalStmt.Portalname)
	case *pg.Node_ListenStmt:
		s.channel(x.ListenStmt.Conditionname)
	case *pg.Node_UnlistenStmt:
		if name := x.UnlistenStmt.Conditionname; name != "" {
			s.channel(name)
		}
	case *pg.Node_NotifyStmt:
		s.channel(x.NotifyStmt.Conditionname)
	case *pg.Node_DiscardStmt: // it concerns the connection alone, which is the session's own
	default:
		s.statement(n, sweepEnv{})
	}
}

// only fails when a message has a field set that the caller has not named: what it does not know.
func (s *sweeper) only(m protoreflect.Message, known ...protoreflect.Name) {
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(known, f.Name()) {
			s.fail("%s with %s", m.Descriptor().Name(), f.Name())
		}
		return s.err == nil
	})
}

// statement checks a query, at the top or in a CTE.
func (s *sweeper) statement(n *pg.Node, e sweepEnv) {
	switch x := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		s.query(x.SelectStmt, e, nil)
	case *pg.Node_InsertStmt:
		s.insert(x.InsertStmt, e)
	case *pg.Node_UpdateStmt:
		s.update(x.UpdateStmt, e)
	case *pg.Node_DeleteStmt:
		s.delete(x.DeleteStmt, e)
	case *pg.Node_MergeStmt:
		s.merge(x.MergeStmt, e)
	default:
		s.fail("statement of kind %T", n.GetNode())
	}
}

// with checks a WITH clause and returns the CTEs in scope behind it. Each CTE of a recursive clause sees all of them, itself too; else
// it sees those before it (Postgres manual, "WITH Queries").
func (s *sweeper) with(w *pg.WithClause, e sweepEnv) *sweepCTE {
	if w == nil {
		return e.ctes
	}
	if w.Recursive {
		for _, n := range w.Ctes {
			e.ctes = &sweepCTE{name: n.GetCommonTableExpr().GetCtename(), next: e.ctes}
		}
	}
	for _, n := range w.Ctes {
		c := n.GetCommonTableExpr()
		if c == nil || c.Ctename == "" {
			s.fail("WITH holds %T", n.GetNode())
			return e.ctes
		}
		s.statement(c.Ctequery, e)
		s.fields(c.ProtoReflect(), e, "ctequery")
		if !w.Recursive {
			e.ctes = &sweepCTE{name: c.Ctename, next: e.ctes}
		}
	}
	return e.ctes
}

// query checks a SELECT, VALUES or set operation. With a target it is the source of an INSERT, and each of its
// rows has the tenant at the target's column.
func (s *sweeper) query(q *pg.SelectStmt, e sweepEnv, target *insertTarget) {
	if q == nil || s.err != nil {
		return
	}
	if q.IntoClause != nil {
		s.fail("SELECT INTO")
		return
	}
	if target == nil && s.systemQuery(q) {
		return
	}
	e.ctes = s.with(q.WithClause, e)
	inner := &sweepScope{parent: e.names}
	in := sweepEnv{names: inner, ctes: e.ctes}
	m := q.ProtoReflect()
	switch q.Op {
	case pg.SetOperation_SETOP_NONE:
		if q.Larg != nil || q.Rarg != nil {
			s.fail("arms without a set operation")
		}
		inner.locking = q.LockingClause
		open := s.from(q.FromClause, in)
		s.lockedShared(q.LockingClause, inner.shared)
		s.confine(q.WhereClause, in, open, "WHERE")
		if target != nil {
			s.source(q, in, target)
		} else {
			s.fields(m, in, "with_clause", "from_clause", "where_clause")
		}
	case pg.SetOperation_SETOP_UNION, pg.SetOperation_SETOP_INTERSECT, pg.SetOperation_SETOP_EXCEPT:
		if q.Larg == nil || q.Rarg == nil || len(q.FromClause) > 0 || q.WhereClause != nil || len(q.TargetList) > 0 || len(q.ValuesLists) > 0 {
			s.fail("set operation with parts of a SELECT")
		}
		s.query(q.Larg, e, target)
		s.query(q.Rarg, e, target)
		s.fields(m, in, "with_clause", "larg", "rarg")
	default:
		s.fail("set operation %v", q.Op)
	}
}

// catalogIndex answers what the sweep asks a snapshot about again and again.
type catalogIndex struct {
	bound *policy.Bound
	// operators are the names of those outside pg_catalog that no trusted extension owns.
	operators map[string]bool
	// unary are the functions outside pg_catalog that can be called with one argument, by name.
	unary map[string][]*catalog.Function
	hides bool // the policy hides columns
}
