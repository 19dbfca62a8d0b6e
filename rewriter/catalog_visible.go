package rewriter

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/proto"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// visibility says which objects of the database tenants see in the catalogs: those that the policy opens.
// Objects made after the snapshot have larger oids than it knows, and are not seen before the next one.
type visibility struct {
	bound     *policy.Bound
	relations []oidRange
	schemas   []string
	// unsaid is a regular expression that matches the text of every expression over a tenant column.
	unsaid string
	hidden []hiddenColumn
	hiding []oidRange // the relations of all of them
}

// oidRange holds both its ends. Of the relations in the snapshot, those in a range are all visible; others of the server's (indexes,
// sequences, temporary tables, made between them) are told apart by the conditions in catalogs.txt.
type oidRange struct{ from, to uint32 }

// hiddenColumn is a column that clients do not see (hide_column), with its relations.
type hiddenColumn struct {
	name      string
	relations []oidRange
	names     map[string][]string // by schema
}

// lastVisibility is that of the policy in use. A process works with one at a time, but for the moments of a reload.
var lastVisibility atomic.Pointer[visibility]

func (p *pass) visibility() *visibility {
	v := lastVisibility.Load()
	if v == nil || v.bound != p.bound {
		v = newVisibility(p.bound)
		lastVisibility.Store(v)
	}
	return v
}

func newVisibility(b *policy.Bound) *visibility {
	v := &visibility{bound: b}
	schemas := map[string]bool{"public": true}
	for _, s := range b.Catalog.SearchPath {
		schemas[s] = true
	}
	tenantColumns := map[string]bool{}
	for _, r := range b.Catalog.ByOID {
		if t := b.Table(r.OID); seenInCatalogs(r, t) {
			schemas[r.Schema] = true
			if t.Column != "" {
				tenantColumns[t.Column] = true
			}
		}
	}
	for name, s := range b.Catalog.Schemas {
		for _, overloads := range s.Functions {
			for _, f := range overloads {
				schemas[name] = schemas[name] || f.Extension != "" || b.Vouched(f.OID, "") != nil
			}
		}
	}
	maps.DeleteFunc(schemas, func(name string, seen bool) bool {
		return !seen || catalog.IsSystem(name) || b.Catalog.Schemas[name] == nil
	})
	v.schemas = slices.Sorted(maps.Keys(schemas))
	v.unsaid = naming(tenantColumns)
	v.relations = ranges(b, func(r *catalog.Relation) bool {
		return r.Kind == catalog.CompositeType && schemas[r.Schema] || seenInCatalogs(r, b.Table(r.OID))
	})
	v.hidden = hiddenColumns(b)
	v.hiding = ranges(b, func(r *catalog.Relation) bool { return b.Table(r.OID).HiddenColumn() != "" })
	return v
}

// seenInCatalogs tells whether a relation with rows is shown. Partitions are not: they are how their parent is stored, and
// their names often are those of tenants.
func seenInCatalogs(r *catalog.Relation, t *policy.BoundTable) bool {
	return !catalog.IsSystem(r.Schema) && t != nil && t.Scope != policy.ScopeDenied && !r.IsPartition
}

// ranges covers the relations of the snapshot for which seen holds, and no other. Sequences are left out: they are seen with their tables.
func ranges(b *policy.Bound, seen func(*catalog.Relation) bool) []oidRange {
	var marks []oidMark
	for _, r := range b.Catalog.ByOID {
		if !catalog.IsSystem(r.Schema) && r.Kind != catalog.Sequence {
			marks = append(marks, oidMark{r.OID, seen(r)})
		}
	}
	return runs(marks)
}

type oidMark struct {
	oid  uint32
	seen bool
}

// runs makes one range of neighbours that are seen.
func runs(marks []oidMark) []oidRange {
	slices.SortFunc(marks, func(a, b oidMark) int { return cmp.Compare(a.oid, b.oid) })
	var out []oidRange
	open := false
	for _, m := range marks {
		switch {
		case m.seen && open:
			out[len(out)-1].to = m.oid
		case m.seen:
			out = append(out, oidRange{m.oid, m.oid})
		}
		open = m.seen
	}
	return out
}

// functionRanges covers the functions that a role sees: of extensions, and those that the policy vouches for.
func functionRanges(b *policy.Bound, role string) []oidRange {
	var marks []oidMark
	for name, s := range b.Catalog.Schemas {
		if catalog.IsSystem(name) {
			continue
		}
		for _, overloads := range s.Functions {
			for _, f := range overloads {
				marks = append(marks, oidMark{f.OID, f.Extension != "" || b.Vouched(f.OID, role) != nil})
			}
		}
	}
	return runs(marks)
}

// naming is a regular expression (Postgres's) for texts with one of the names in them, however quoted.
func naming(names map[string]bool) string {
	var quoted []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		quoted = append(quoted, regexp.QuoteMeta(strings.ReplaceAll(n, `"`, `""`)))
	}
	if quoted == nil {
		return "^$" // no tenant column: no expression over one
	}
	return strings.Join(quoted, "|")
}

func hiddenColumns(b *policy.Bound) []hiddenColumn {
	names := map[string]bool{}
	for _, r := range b.Catalog.ByOID {
		names[b.Table(r.OID).HiddenColumn()] = true
	}
	delete(names, "")
	var out []hiddenColumn
	for _, name := range slices.Sorted(maps.Keys(names)) {
		h := hiddenColumn{name: name, names: map[string][]string{}}
		hides := func(r *catalog.Relation) bool { return b.Table(r.OID).HiddenColumn() == name }
		h.relations = ranges(b, hides)
		for _, r := range b.Catalog.ByOID {
			if hides(r) {
				h.names[r.Schema] = append(h.names[r.Schema], r.Name)
			}
		}
		for _, list := range h.names {
			slices.Sort(list)
		}
		out = append(out, h)
	}
	return out
}

// meaning replaces one of the words that catalogs.txt explains by a condition; nil for another function.
func (p *pass) meaning(f *pg.FuncCall) *pg.Node {
	if len(f.Funcname) != 1 || len(f.Args) == 0 {
		return nil
	}
	x := f.Args[0]
	switch f.Funcname[0].GetString_().GetSval() {
	case "relations":
		return inRanges(x, p.visibility().relations)
	case "functions":
		return inRanges(x, functionRanges(p.bound, p.req.Role))
	case "schemas":
		return oneOfNames(x, p.visibility().schemas)
	case "settings":
		lower := &pg.FuncCall{Funcname: []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("lower")}, Args: []*pg.Node{x},
			Funcformat: pg.CoercionForm_COERCE_EXPLICIT_CALL}
		names := slices.Sorted(maps.Keys(settable))
		names = slices.Sorted(slices.Values(append(names, slices.Collect(maps.Keys(readable))...)))
		return oneOfNames(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: lower}}, names)
	case "unsaid":
		text := &pg.Node{Node: &pg.Node_CoalesceExpr{CoalesceExpr: &pg.CoalesceExpr{Args: []*pg.Node{x, constant("")}}}}
		return compare("!~", text, constant(p.visibility().unsaid))
	case "hiding":
		return inRanges(x, p.visibility().hiding)
	case "shown":
		return p.shown(f.Args[1], func(h *hiddenColumn) *pg.Node { return inRanges(x, h.relations) })
	case "shown_name":
		return p.shown(f.Args[2], func(h *hiddenColumn) *pg.Node {
			var any []*pg.Node
			for _, schema := range slices.Sorted(maps.Keys(h.names)) {
				any = append(any, boolExpr(pg.BoolExprType_AND_EXPR, []*pg.Node{compare("=", again(x), constant(schema)), oneOfNames(again(f.Args[1]), h.names[schema])}))
			}
			return either(any)
		})
	}
	return nil
}

func (p *pass) shown(name *pg.Node, of func(*hiddenColumn) *pg.Node) *pg.Node {
	var any []*pg.Node
	for i := range p.visibility().hidden {
		h := &p.visibility().hidden[i]
		any = append(any, boolExpr(pg.BoolExprType_AND_EXPR, []*pg.Node{compare("=", again(name), constant(h.name)), of(h)}))
	}
	if any == nil {
		return yes()
	}
	return boolExpr(pg.BoolExprType_NOT_EXPR, []*pg.Node{either(any)})
}

// hidesAny tells whether the policy hides a column of any relation.
func (p *pass) hidesAny() bool { return len(p.visibility().hidden) > 0 }

func inRanges(x *pg.Node, list []oidRange) *pg.Node {
	var any []*pg.Node
	for _, r := range list {
		from, to := constant(strconv.Itoa(int(r.from))), constant(strconv.Itoa(int(r.to)))
		if r.from == r.to {
			any = append(any, compare("=", again(x), from))
			continue
		}
		any = append(any, boolExpr(pg.BoolExprType_AND_EXPR, []*pg.Node{compare(">=", again(x), from), compare("<=", again(x), to)}))
	}
	if len(any) == 1 && any[0].GetBoolExpr() != nil {
		any = append(any, no()) // an AND alone would be taken apart where it stands in another AND
	}
	return either(any)
}

func oneOfNames(x *pg.Node, names []string) *pg.Node {
	if len(names) == 0 {
		return no()
	}
	list := &pg.List{}
	for _, n := range names {
		list.Items = append(list.Items, constant(n))
	}
	e := compare("=", x, &pg.Node{Node: &pg.Node_List{List: list}})
	e.GetAExpr().Kind = pg.A_Expr_Kind_AEXPR_IN
	return e
}

func either(list []*pg.Node) *pg.Node {
	switch len(list) {
	case 0:
		return no()
	case 1:
		return list[0]
	}
	return boolExpr(pg.BoolExprType_OR_EXPR, list)
}

// compare writes the operator's bare name: with operands of catalog types the server finds pg_catalog's own, which
// comes first in every search_path and matches exactly.
func compare(op string, l, r *pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_AExpr{AExpr: &pg.A_Expr{
		Kind: pg.A_Expr_Kind_AEXPR_OP, Name: []*pg.Node{pg.MakeStrNode(op)}, Lexpr: l, Rexpr: r}}}
}

func constant(s string) *pg.Node {
	return &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Sval{Sval: &pg.String{Sval: s}}}}}
}

func boolConstant(b bool) *pg.Node {
	return &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Boolval{Boolval: &pg.Boolean{Boolval: b}}}}}
}

func yes() *pg.Node { return boolConstant(true) }

func no() *pg.Node { return boolConstant(false) }

func again(n *pg.Node) *pg.Node { return proto.Clone(n).(*pg.Node) }
