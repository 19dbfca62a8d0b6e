package rewriter

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// Rows that come late. A tenant predicate costs one operator, so a client's condition of two calls comes after it (order.go). What chooses the
// rows of a system catalog are tests of many numbers, or joins, which can cost more than the client's condition: that would run on rows which are
// left out. So a condition that is not harmless puts a barrier around the catalog, whatever it costs, and so does what a sub-select or a function
// beside it computes of its rows.

// comeLate marks the columns of an item whose rows are chosen by conditions of any cost.
func (it *item) comeLate() {
	if omitted("rows that come late") {
		return
	}
	for i := range it.columns {
		it.columns[i].late = true
	}
}

func (it *item) isLate() bool {
	return it.columns == nil || slices.ContainsFunc(it.columns, func(c column) bool { return c.late })
}

// fence puts barriers around the items with late rows that an expression refers to, unless it is harmless: it can be evaluated before those rows
// are chosen. For the items of own it cannot.
func (p *pass) fence(n *pg.Node, sc *scope, own []*item) {
	if n == nil || p.denial != nil {
		return
	}
	var harmless, weighed bool
	for _, ref := range columnRefs(n) {
		_, owners := p.resolve(ref, sc)
		for _, it := range owners {
			if it.barrier == nil || slices.Contains(own, it) || !it.isLate() {
				continue
			}
			if !weighed {
				harmless, weighed = p.weigh(n, sc).harmless, true
			}
			if !harmless {
				it.barrier()
			}
		}
	}
}

// fences does so for what a query computes of the levels around it.
func (p *pass) fences(list []*pg.Node, sc *scope) {
	if sc.parent == nil {
		return
	}
	for _, n := range list {
		p.fence(n, sc, sc.items)
	}
}

// fenceRows does so for an expression in FROM, which sees the items before it.
func (p *pass) fenceRows(n *pg.Node, sc *scope) {
	if f := n.GetFuncCall(); f != nil && len(f.Args) <= 2 {
		switch opName(f.Funcname) {
		case "unnest", "generate_series", "generate_subscripts": // cannot fail by themselves
			for _, a := range f.Args {
				p.fence(a, sc, nil)
			}
			return
		}
	}
	p.fence(n, sc, nil)
}
