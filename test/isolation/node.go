package isolation

import (
	"strconv"
	"strings"
)

// Node is a piece of a statement that the shrinker can take apart: text, smaller nodes, lists and literals in the order
// in which they print. Nothing keeps a shrunk statement valid; one that no longer is fails alike in both worlds, so the
// shrinker drops it.
type Node struct {
	Parts []any // string, *Node, *List, *Literal, *Preparation or *Execution
	// Instead are smaller pieces that may stand in the node's place.
	Instead []*Node
}

// List is a run of nodes of which all but Min can be left out. Before and After print only when an item is left.
type List struct {
	Before, Sep, After string
	Items              []*Node
	Min                int
}

// Literal is a constant, which may be sent as a parameter.
type Literal struct {
	Type Type
	Text string // the type's input text
	Null bool
	// Cast prints 'text'::type where the bare form would do.
	Cast bool
	// Param makes it a parameter in the extended protocol; Binary chooses its format; Declare its type in Parse.
	Param, Binary, Declare bool
}

func n(parts ...any) *Node { return &Node{Parts: parts} }

// opt is a node that can be left out.
func opt(parts ...any) *List { return &List{Items: []*Node{n(parts...)}} }

func list(before, sep, after string, least int, items ...*Node) *List {
	return &List{Before: before, Sep: sep, After: after, Items: items, Min: least}
}

func (x *Node) or(instead ...*Node) *Node {
	x.Instead = append(x.Instead, instead...)
	return x
}

// Preparation is a PREPARE; its parameters are the body's.
type Preparation struct {
	Name string
	Body *Node
}

// Execution is an EXECUTE with the arguments that its Preparation asks for.
type Execution struct{ Of *Preparation }

func (p *Preparation) print() string {
	sql, args := p.Body.Parametrized()
	types, declared := make([]string, len(args)), false
	for i, a := range args {
		types[i] = "unknown" // which Postgres finds out
		if a.Declare {
			types[i], declared = a.Type.Name, true
		}
	}
	if !declared {
		return "PREPARE " + p.Name + " AS " + sql
	}
	return "PREPARE " + p.Name + " (" + strings.Join(types, ", ") + ") AS " + sql
}

func (e *Execution) print() string {
	_, args := e.Of.Body.Parametrized()
	if len(args) == 0 {
		return "EXECUTE " + e.Of.Name
	}
	values := make([]string, len(args))
	for i, a := range args {
		values[i] = (&Literal{Type: a.Type, Text: a.Text, Null: a.Null, Cast: a.Binary}).inline()
	}
	return "EXECUTE " + e.Of.Name + " (" + strings.Join(values, ", ") + ")"
}

// Argument is one parameter of a rendered statement.
type Argument struct {
	Type    Type
	Text    string
	Null    bool
	Binary  bool
	Declare bool
}

// renderer prints a node. With params set, literals marked as parameters become $1, $2, ...
type renderer struct {
	b      strings.Builder
	params bool
	args   []Argument
}

// SQL prints x with every literal in place.
func (x *Node) SQL() string {
	var r renderer
	r.node(x)
	return r.b.String()
}

// Parametrized prints x with its parameters apart.
func (x *Node) Parametrized() (string, []Argument) {
	r := renderer{params: true}
	r.node(x)
	return r.b.String(), r.args
}

func (r *renderer) node(x *Node) {
	for _, p := range x.Parts {
		switch p := p.(type) {
		case string:
			r.b.WriteString(p)
		case *Node:
			r.node(p)
		case *List:
			r.list(p)
		case *Literal:
			r.literal(p)
		case *Preparation:
			r.b.WriteString(p.print())
		case *Execution:
			r.b.WriteString(p.print())
		default:
			panic("isolation: a node holds no such part")
		}
	}
}

func (r *renderer) list(l *List) {
	if len(l.Items) == 0 {
		return
	}
	r.b.WriteString(l.Before)
	for i, item := range l.Items {
		if i > 0 {
			r.b.WriteString(l.Sep)
		}
		r.node(item)
	}
	r.b.WriteString(l.After)
}

func (r *renderer) literal(l *Literal) {
	if r.params && l.Param {
		r.args = append(r.args, Argument{Type: l.Type, Text: l.Text, Null: l.Null, Binary: l.Binary, Declare: l.Declare})
		r.b.WriteString("$" + strconv.Itoa(len(r.args)))
		if l.Cast || !l.Declare {
			r.b.WriteString("::" + l.Type.Name)
		}
		return
	}
	r.b.WriteString(l.inline())
}

func (l *Literal) inline() string {
	switch {
	case l.Null && l.Cast:
		return "NULL::" + l.Type.Name
	case l.Null:
		return "NULL"
	case l.Cast || l.Type.needsCast:
		return quote(l.Text) + "::" + l.Type.Name
	case l.Type == Int4 && !strings.HasPrefix(l.Text, "-"), l.Type == Bool:
		return l.Text
	}
	return quote(l.Text)
}

func quote(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// ident quotes a name where Postgres would not read it back otherwise.
func ident(name string) string {
	plain := name != "" && !reserved[name]
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			plain = false
		}
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// reserved are the reserved words among the names that the generator uses.
var reserved = map[string]bool{"select": true, "order": true, "user": true, "group": true, "end": true, "table": true}

// walk calls visit for x and everything below it that the shrinker can change: *Node, *List and *Literal.
func (x *Node) walk(visit func(any)) {
	visit(x)
	for _, p := range x.Parts {
		switch p := p.(type) {
		case *Node:
			p.walk(visit)
		case *Literal:
			visit(p)
		case *Preparation:
			p.Body.walk(visit)
		case *List:
			visit(p)
			for _, item := range p.Items {
				item.walk(visit)
			}
		}
	}
}
