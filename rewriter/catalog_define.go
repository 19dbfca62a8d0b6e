package rewriter

import (
	pg "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// definition is a word of catalogs.txt that stands for an expression over its arguments.
type definition struct {
	params []string
	body   *pg.Node
}

// eachNode calls f for the nodes of a tree, from the outside in. Where f returns true, it has dealt with what is below.
func eachNode(m protoreflect.Message, f func(*pg.Node) bool) {
	if n, ok := m.Interface().(*pg.Node); ok {
		if n.GetNode() == nil || f(n) {
			return
		}
		r := n.ProtoReflect()
		eachNode(r.Get(r.WhichOneof(r.Descriptor().Oneofs().Get(0))).Message(), f)
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range v.List().Len() {
				eachNode(v.List().Get(i).Message(), f)
			}
		default:
			eachNode(v.Message(), f)
		}
		return true
	})
}

// expand puts what the words stand for into an expression.
func expand(n *pg.Node, words map[string]definition) *pg.Node {
	eachNode(n.ProtoReflect(), func(n *pg.Node) bool {
		f := n.GetFuncCall()
		if f == nil || len(f.Funcname) != 1 {
			return false
		}
		d, ok := words[f.Funcname[0].GetString_().GetSval()]
		if !ok {
			return false
		}
		given := map[string]*pg.Node{}
		for i, a := range f.Args {
			given[d.params[i]] = expand(a, words)
		}
		body := again(d.body)
		eachNode(body.ProtoReflect(), func(n *pg.Node) bool {
			if c := n.GetColumnRef(); c != nil && len(c.Fields) == 1 && given[c.Fields[0].GetString_().GetSval()] != nil {
				n.Node = again(given[c.Fields[0].GetString_().GetSval()]).Node
				return true
			}
			return false
		})
		n.Node = body.Node
		return true
	})
	return n
}

// define reads `name(parameters) expression`; the definitions before it can be used in it.
func (t *systemTable) define(rest string) {
	for i := range rest {
		if rest[i] != ')' {
			continue
		}
		head := parseCondition(rest[:i+1]).GetFuncCall()
		d := definition{body: t.expression(rest[i+1:])}
		for _, a := range head.Args {
			d.params = append(d.params, a.GetColumnRef().Fields[0].GetString_().GetSval())
		}
		t.words[head.Funcname[0].GetString_().GetSval()] = d
		return
	}
	panic("rewriter: catalogs.txt: " + rest)
}

func (t *systemTable) expression(text string) *pg.Node { return expand(parseCondition(text), t.words) }

// hide reads a line that holds where the policy hides columns: of a relation, or of a call.
func (t *systemTable) hide(r *systemRelation, c *systemCall, what, text string) {
	switch {
	case c != nil:
		c.hides[mustInt(what)] = t.expression(text)
	default:
		r.hides[what] = t.expression(text)
	}
}
