package rewriter

import (
	"encoding/binary"

	"pgcordon/policy"
	"pgcordon/rewriter/lexer"
)

// Quick is a text whose shape is known: what Plan and Splice would make of it, without an allocation. It belongs to one goroutine and is used
// again; the request's text must live as long as it is in use.
type Quick struct {
	// Plan says what the statements are, and holds no text: no SQL, no constants, no positions. It is shared by all texts of the
	// variant, and nil when these are denied.
	Plan *Plan
	// Denial is why the text is refused.
	Denial *Denial
	l      lookup
}

// Quick plans a text without a parse. It returns false when that cannot be done; Plan then does it, and learns the shape.
//
// For the place of an error of the server's, plan the text with Plan, which finds the same variant.
func (r *Rewriter) Quick(req *Request, q *Quick) bool {
	q.Plan, q.Denial = nil, nil
	q.l.release()
	if !r.shapes.find(req, r.opts.MaxStatementBytes, &q.l) {
		return false
	}
	r.shapes.known.Add(1)
	if q.l.variant.denial != nil {
		_, q.Denial = q.l.whole()
		return true
	}
	q.Plan = q.l.variant.face
	return true
}

// AppendSplice appends what Plan.Splice would return.
func (q *Quick) AppendSplice(dst []byte, t policy.TenantID) []byte { return q.l.appendSplice(dst, t) }

// CheckConstants is that of the plan that Plan would return.
func (q *Quick) CheckConstants(t policy.TenantID) *Denial {
	v := q.l.variant
	for i := range v.plan.Constants {
		if c := &v.plan.Constants[i]; !sameID(c.Type, q.l.constant(i), t.String()) {
			q.l.measure()
			return v.plan.mismatch(c.Table, q.l.moved(c.Position))
		}
	}
	return nil
}

// Prepared returns the plan of the statement with its literals as parameters: SQL to prepare, ParamTypes and ClientParams of AppendParams, and
// the tenant's behind them. It is false when such a statement could give another result, row description or error than the text, or a worse plan.
//
// Its positions are those of another text: see ClientPositionIn.
func (q *Quick) Prepared() (*Plan, bool) {
	f := q.l.variant.params
	if f == nil {
		return nil, false
	}
	for i, lit := range q.l.literals {
		text := q.l.sql[lit.Start:lit.End]
		switch kept := f.kept[i]; {
		case kept != "" && kept != text:
			return nil, false
		case kept == "" && lit.Kind == lexer.Int8 && text == "2147483648":
			return nil, false // with a minus it is an int4
		}
	}
	return f.plan, true
}

// AppendParams appends the values of Prepared's parameters as Bind carries them, in text format: each with its length before it.
func (q *Quick) AppendParams(dst []byte) []byte {
	for _, p := range q.l.variant.params.values {
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		if p.negative {
			dst = append(dst, '-')
		}
		if kind := q.l.literals[p.literal].Kind; kind == lexer.String || kind == lexer.Escaped {
			dst = lexer.Value(dst, kind, q.l.text(p.literal))
		} else {
			dst = append(dst, q.l.text(p.literal)...)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

// ClientPositionIn turns a position in the SQL of Prepared's plan into one in the text that p, from Plan, was made for; 0 for none.
func (p *Plan) ClientPositionIn(prepared *Plan, position int) int {
	i := prepared.originAt(byteOffset(prepared.SQL, position))
	if i < 0 || i >= len(p.origins) {
		return 0
	}
	return int(p.origins[i].in)
}
