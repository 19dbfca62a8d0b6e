package rewriter

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var (
	graftCount = flag.Int("grafts", 5000, "how many trees TestPrintGrafts makes")
	graftSeed  = flag.Uint64("graftseed", 1, "the seed of TestPrintGrafts")
)

// exprSlots are the fields in which the grammar takes any expression.
var exprSlots = map[string]bool{}

func init() {
	for _, s := range strings.Fields(`A_Expr.lexpr A_Expr.rexpr BoolExpr.args NullTest.arg BooleanTest.arg TypeCast.arg CollateClause.arg FuncCall.args
		FuncCall.agg_filter A_Indirection.arg A_Indices.lidx A_Indices.uidx CaseExpr.arg CaseExpr.defresult CaseWhen.expr CaseWhen.result
		CoalesceExpr.args MinMaxExpr.args RowExpr.args A_ArrayExpr.elements SubLink.testexpr ResTarget.val SelectStmt.where_clause
		SelectStmt.having_clause SelectStmt.limit_offset SelectStmt.limit_count SelectStmt.group_clause SelectStmt.distinct_clause SortBy.node
		WindowDef.partition_clause WindowDef.start_offset WindowDef.end_offset JoinExpr.quals GroupingFunc.args GroupingSet.content IndexElem.expr
		List.items XmlExpr.args XmlSerialize.expr JsonValueExpr.raw_expr JsonKeyValue.key JsonIsPredicate.expr JsonAggConstructor.agg_filter
		RangeTableSample.args RangeTableSample.repeatable RangeTableFunc.docexpr RangeTableFunc.rowexpr RangeTableFuncCol.colexpr
		RangeTableFuncCol.coldefexpr NamedArgExpr.arg UpdateStmt.where_clause DeleteStmt.where_clause OnConflictClause.where_clause
		InferClause.where_clause MergeStmt.join_condition MergeWhenClause.condition MergeWhenClause.values ExecuteStmt.params CopyStmt.where_clause
		TypeName.typmods`) {
		exprSlots[s] = true
	}
}

// querySlots and fromSlots are the fields that take any query and anything that stands in FROM.
var (
	querySlots = map[string]bool{"SubLink.subselect": true, "RangeSubselect.subquery": true, "CommonTableExpr.ctequery": true,
		"InsertStmt.select_stmt": true, "JsonArrayQueryConstructor.query": true, "PrepareStmt.query": true, "CopyStmt.query": true}
	fromSlots = map[string]bool{"SelectStmt.from_clause": true, "UpdateStmt.from_clause": true, "DeleteStmt.using_clause": true,
		"JoinExpr.larg": true, "JoinExpr.rarg": true, "MergeStmt.source_relation": true}
)

// slotKind is what a node is as a donor and what a field takes: 0 is nothing that is grafted.
type slotKind uint8

const (
	slotExpr slotKind = iota + 1
	slotQuery
	slotFrom
)

func donorKind(n *pg.Node) slotKind {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		if v.ColumnRef.Fields[0].GetAStar() != nil {
			return 0
		}
		return slotExpr
	case *pg.Node_AConst, *pg.Node_ParamRef, *pg.Node_AExpr, *pg.Node_BoolExpr, *pg.Node_FuncCall, *pg.Node_TypeCast, *pg.Node_SubLink,
		*pg.Node_NullTest, *pg.Node_BooleanTest, *pg.Node_CaseExpr, *pg.Node_CoalesceExpr, *pg.Node_MinMaxExpr, *pg.Node_CollateClause,
		*pg.Node_AArrayExpr, *pg.Node_AIndirection, *pg.Node_RowExpr, *pg.Node_SqlvalueFunction, *pg.Node_GroupingFunc, *pg.Node_SetToDefault,
		*pg.Node_XmlExpr, *pg.Node_XmlSerialize, *pg.Node_JsonObjectConstructor, *pg.Node_JsonArrayConstructor,
		*pg.Node_JsonArrayQueryConstructor, *pg.Node_JsonObjectAgg, *pg.Node_JsonArrayAgg, *pg.Node_JsonIsPredicate:
		return slotExpr
	case *pg.Node_SelectStmt:
		return slotQuery
	case *pg.Node_RangeVar, *pg.Node_JoinExpr, *pg.Node_RangeSubselect, *pg.Node_RangeFunction, *pg.Node_RangeTableFunc, *pg.Node_RangeTableSample:
		return slotFrom
	}
	return 0
}

// slot is a place in a tree where a node stands that could be another.
type slot struct {
	kind slotKind
	node *pg.Node // its content is replaced
}

// slotsIn collects the slots below m, and the queries that are arms of set operations, which are no nodes.
func slotsIn(m protoreflect.Message, slots *[]slot, arms *[]*pg.SelectStmt) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil {
			return true
		}
		if f.IsList() {
			for i := 0; i < v.List().Len(); i++ {
				slotAt(m, f, i, v.List().Get(i).Message(), slots, arms)
			}
		} else {
			slotAt(m, f, 0, v.Message(), slots, arms)
		}
		return true
	})
}

func slotAt(parent protoreflect.Message, f protoreflect.FieldDescriptor, i int, m protoreflect.Message, slots *[]slot, arms *[]*pg.SelectStmt) {
	name := string(parent.Descriptor().Name()) + "." + string(f.Name())
	switch v := m.Interface().(type) {
	case *pg.SelectStmt:
		if name == "SelectStmt.larg" || name == "SelectStmt.rarg" {
			*arms = append(*arms, v)
		}
	case *pg.Node:
		kind := donorKind(v)
		if kind == slotExpr && exprSlots[name] && !fixedArgument(parent.Interface(), string(f.Name()), i) ||
			kind == slotQuery && querySlots[name] || kind == slotFrom && fromSlots[name] {
			*slots = append(*slots, slot{kind, v})
		}
	}
	if name == "RangeFunction.functions" { // a call and its columns: only what is within the call is free
		call := m.Interface().(*pg.Node).GetList().Items[0]
		call.ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			slotsIn(v.Message(), slots, arms)
			return true
		})
		return
	}
	// Constants of SET and CYCLE, and rows assigned to several columns, are not any expression.
	if t := parent.Descriptor().Name(); t == "VariableSetStmt" || t == "CTECycleClause" || t == "MultiAssignRef" {
		return
	}
	slotsIn(m, slots, arms)
}

// fixedArgument reports arguments that the grammar makes itself.
func fixedArgument(parent proto.Message, field string, i int) bool {
	switch v := parent.(type) {
	case *pg.FuncCall:
		name, _ := lastName(v.Funcname)
		return v.Funcformat == pg.CoercionForm_COERCE_SQL_SYNTAX && (name == "extract" && i == 0 || (name == "normalize" || name == "is_normalized") && i == 1)
	case *pg.XmlExpr:
		return i > 0 && (v.Op == pg.XmlExprOp_IS_XMLPARSE || v.Op == pg.XmlExprOp_IS_XMLROOT)
	case *pg.A_Expr:
		return v.Kind == pg.A_Expr_Kind_AEXPR_SIMILAR && field == "rexpr"
	}
	return false
}

// flatten does to a tree what the parser does: a AND b AND c is one node.
func flatten(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := 0; i < v.List().Len(); i++ {
				flatten(v.List().Get(i).Message())
			}
		default:
			flatten(v.Message())
		}
		return true
	})
	b, ok := m.Interface().(*pg.BoolExpr)
	if !ok || b.Boolop == pg.BoolExprType_NOT_EXPR {
		return
	}
	if first := b.Args[0].GetBoolExpr(); first != nil && first.Boolop == b.Boolop {
		b.Args = append(append([]*pg.Node{}, first.Args...), b.Args[1:]...)
	}
}

// graftHosts are the corpus's trees, the long lists of expressions cut into one statement for each.
func graftHosts(t *testing.T) []*pg.ParseResult {
	var hosts []*pg.ParseResult
	for _, sql := range printCorpus(t) {
		tree, err := pg.Parse(sql)
		if err != nil {
			t.Fatal(err)
		}
		clearPlaces(tree.ProtoReflect())
		s := tree.Stmts[0].GetStmt().GetSelectStmt()
		if len(s.GetTargetList()) < 4 || len(s.WindowClause) > 0 {
			hosts = append(hosts, tree)
			continue
		}
		for _, target := range s.TargetList {
			hosts = append(hosts, &pg.ParseResult{Version: tree.Version, Stmts: []*pg.RawStmt{{Stmt: &pg.Node{Node: &pg.Node_SelectStmt{
				SelectStmt: &pg.SelectStmt{TargetList: []*pg.Node{target}, LimitOption: s.LimitOption, Op: s.Op}}}}}})
		}
	}
	return hosts
}

// nameFields are the fields that hold a name, or a list of strings that are names.
var nameFields = wordSet(`RangeVar.schemaname RangeVar.relname Alias.aliasname Alias.colnames ResTarget.name ResTarget.indirection NamedArgExpr.name
	CommonTableExpr.ctename CommonTableExpr.aliascolnames WindowDef.name WindowDef.refname ColumnDef.colname RangeTableFuncCol.colname
	CTESearchClause.search_seq_column CTESearchClause.search_col_list CTECycleClause.cycle_mark_column CTECycleClause.cycle_path_column
	XmlExpr.name CurrentOfExpr.cursor_name IndexElem.name IndexElem.collation IndexElem.opclass InferClause.conname
	TransactionStmt.savepoint_name DeclareCursorStmt.portalname FetchStmt.portalname ClosePortalStmt.portalname PrepareStmt.name ExecuteStmt.name
	DeallocateStmt.name ListenStmt.conditionname NotifyStmt.conditionname UnlistenStmt.conditionname IntoClause.access_method
	IntoClause.table_space_name IntoClause.col_names CopyStmt.attlist ColumnRef.fields JoinExpr.using_clause A_Indirection.indirection
	CollateClause.collname RangeTableSample.method FuncCall.funcname TypeName.names VariableShowStmt.name`)

// oddNames are names that must be quoted, or look as if they must not; besides them, the keywords.
var oddNames = []string{`a"b`, `"`, "A", "a b", "1a", "$a", "a$1", "_", "ü", "Ü", "a.b", "a'b", "a\\b", "a\nb", "--", "/*", "u&", "日本", "n", "x", "e", "b"}

// renameIn gives a name in the tree another.
func renameIn(rng *rand.Rand, tree *pg.ParseResult, words []string) {
	var set []func(string)
	namesIn(tree.ProtoReflect(), &set)
	if len(set) == 0 {
		return
	}
	name := oddNames[rng.IntN(len(oddNames))]
	if rng.IntN(2) == 0 {
		name = words[rng.IntN(len(words))]
	}
	set[rng.IntN(len(set))](name)
}

func namesIn(m protoreflect.Message, set *[]func(string)) {
	if _, copied := m.Interface().(*pg.MultiAssignRef); copied { // its source stands in the tree once for each column
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		isName := nameFields[string(m.Descriptor().Name())+"."+string(f.Name())]
		switch {
		case f.Message() == nil:
			if isName && f.Kind() == protoreflect.StringKind {
				*set = append(*set, func(s string) { m.Set(f, protoreflect.ValueOfString(s)) })
			}
		case f.IsList():
			l := v.List()
			// The names that the grammar itself gives stay.
			own := false
			for i := 0; i < l.Len(); i++ {
				n, _ := l.Get(i).Message().Interface().(*pg.Node)
				own = own || n.GetString_().GetSval() == "pg_catalog"
				if s := n.GetString_(); s != nil && isName && !own {
					*set = append(*set, func(name string) { s.Sval = name })
				}
				namesIn(l.Get(i).Message(), set)
			}
		default:
			namesIn(v.Message(), set)
		}
		return true
	})
}

// TestPrintGrafts puts nodes of the corpus in the place of others, which makes trees that nobody would write, and prints them. A
// missing pair of parentheses shows as another tree. What the printer may refuse is named in notWritable.
func TestPrintGrafts(t *testing.T) {
	t.Logf("seed %d", *graftSeed)
	rng := rand.New(rand.NewPCG(*graftSeed, 0))
	hosts := graftHosts(t)
	donors := map[slotKind][]*pg.Node{}
	for _, h := range hosts {
		var slots []slot
		var arms []*pg.SelectStmt
		slotsIn(h.ProtoReflect(), &slots, &arms)
		for _, s := range slots {
			if proto.Size(s.node) < 2000 {
				donors[s.kind] = append(donors[s.kind], proto.Clone(s.node).(*pg.Node))
			}
		}
	}
	words := slices.Sorted(maps.Keys(keywords))
	words = append(words, slices.Sorted(maps.Keys(plainKeywords))...)
	refused := map[string]int{}
	failed := 0
	for made := 0; made < *graftCount && failed < 5; made++ {
		tree := proto.Clone(hosts[rng.IntN(len(hosts))]).(*pg.ParseResult)
		for range 1 + rng.IntN(3) {
			graft(rng, tree, donors)
		}
		renameIn(rng, tree, words)
		flatten(tree.ProtoReflect())
		if err := checkGraft(tree); err != nil {
			if why := strings.TrimPrefix(err.Error(), "cannot print "); notWritable[why] {
				refused[why]++
				continue
			}
			failed++
			t.Errorf("graft %d: %v", made, err)
		}
	}
	t.Logf("refused: %v", refused)
}

// notWritable are the trees that grafting can make and no text has.
var notWritable = map[string]bool{
	"a sub-select as an array": true, // x = ANY ((SELECT ..)) is the set of the rows
	"such a list of IN":        true, // x IN ((SELECT ..)) likewise
	"such an interval":         true, // interval(x + 1) '1'
}

func graft(rng *rand.Rand, tree *pg.ParseResult, donors map[slotKind][]*pg.Node) {
	var slots []slot
	var arms []*pg.SelectStmt
	slotsIn(tree.ProtoReflect(), &slots, &arms)
	if len(arms) > 0 && rng.IntN(3) == 0 {
		donor := donors[slotQuery][rng.IntN(len(donors[slotQuery]))].GetSelectStmt()
		arm := arms[rng.IntN(len(arms))]
		proto.Reset(arm)
		proto.Merge(arm, donor)
		return
	}
	if len(slots) == 0 {
		return
	}
	s := slots[rng.IntN(len(slots))]
	donor := donors[s.kind][rng.IntN(len(donors[s.kind]))]
	proto.Reset(s.node)
	proto.Merge(s.node, donor)
}

func checkGraft(tree *pg.ParseResult) error {
	out, err := printTree(tree, nil, nil, nil, nil)
	if err != nil {
		return err
	}
	again, err := pg.Parse(out.text)
	if err != nil {
		return fmt.Errorf("%s\n  %w", out.text, err)
	}
	clearPlaces(again.ProtoReflect())
	if proto.Equal(tree, again) {
		return nil
	}
	second, err := printTree(again, nil, nil, nil, nil)
	return fmt.Errorf("another tree:\n  %s\n  %s %v\n  %v\n  %v", out.text, second.text, err, tree.Stmts, again.Stmts)
}
