package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// The majors of Postgres that pgcordon supports.
const oldest, newest = 13, 18

// majors are the major versions that have a row, ascending. A row that went and came back would have a hole; none did.
type majors []int

// String writes the range, as 13-18 or 17.
func (m majors) String() string {
	first, last := m[0], m[len(m)-1]
	if len(m) != last-first+1 {
		panic(fmt.Sprintf("not a range: %v", []int(m)))
	}
	if first == last {
		return strconv.Itoa(first)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

// union is what the servers have together. Where they differ about a row, the more careful word holds: a function is allowed when it is on every server
// that has it, leakproof or strict likewise, and takes as many arguments as it does on any.
type union struct {
	procs     []*proc
	operators []*operator
	types     []*typeRow
}

func unite(servers []*server) *union {
	procs, operators, types := map[string]*proc{}, map[string]*operator{}, map[string]*typeRow{}
	for _, s := range servers {
		verdicts := make(map[string]verdict, len(s.procs))
		for i := range s.procs {
			p := &s.procs[i]
			p.verdict = decide(p)
			verdicts[p.signature()] = p.verdict
			merge(procs, p.signature(), p, s.major)
		}
		for i := range s.operators {
			o := &s.operators[i]
			o.allowed = verdicts[o.function].allow
			merge(operators, o.name+" "+o.left+" "+o.right+" "+o.function, o, s.major)
		}
		for i := range s.types {
			merge(types, s.types[i].name, &s.types[i], s.major)
		}
	}
	return &union{sorted(procs), sorted(operators), sorted(types)}
}

type row[T any] interface {
	join(T)
	on() *majors
}

// merge joins a row of a server's to the same row of older ones.
func merge[T row[T]](rows map[string]T, key string, r T, major int) {
	old, ok := rows[key]
	if !ok {
		rows[key] = r
		old = r
	} else {
		old.join(r)
	}
	m := old.on()
	*m = append(*m, major)
}

func sorted[T any](rows map[string]T) []T {
	var out []T
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, rows[key])
	}
	return out
}

func (p *proc) on() *majors { return &p.majors }

func (p *proc) join(q *proc) {
	if p.kind != q.kind {
		panic("kind of " + p.signature() + " differs")
	}
	p.min = min(p.min, q.min)
	if p.max >= 0 {
		p.max = max(p.max, q.max)
	}
	if q.max < 0 {
		p.max = -1
	}
	p.volatility = max(p.volatility, q.volatility) // i, s, v
	p.leakproof, p.strict = p.leakproof && q.leakproof, p.strict && q.strict
	if p.verdict.allow || !q.verdict.allow {
		p.verdict = q.verdict // of two reasons to deny, the newer server's
	}
}

func (o *operator) on() *majors { return &o.majors }

func (o *operator) join(q *operator) { o.allowed = o.allowed && q.allowed }

func (t *typeRow) on() *majors { return &t.majors }

func (t *typeRow) join(q *typeRow) {
	if t.oid != q.oid || t.kind != q.kind || t.elem != q.elem {
		panic("type " + t.name + " differs")
	}
}

// harmless says whether the function may run on another tenant's row.
func (u *union) harmless(p *proc) bool {
	if p.volatility == "v" || p.kind != "f" {
		return false
	}
	if p.leakproof || harmlessFunctions[p.signature()] {
		return true
	}
	return slices.ContainsFunc(u.operators, func(o *operator) bool { return o.function == p.signature() && o.harmless() })
}
