package eager

import (
	"log/slog"
	"sync/atomic"

	"pgcordon/policy"
	"pgcordon/rewriter"
)

// Planner is a rewriter that knows the shape of a text before it is asked.
type Planner struct {
	*rewriter.Rewriter
	prepared atomic.Int64
}

// New returns one for a bound policy. A nil log is the default one.
func New(bound *policy.Bound, log *slog.Logger) *Planner {
	return &Planner{Rewriter: rewriter.New(bound, rewriter.Options{Log: log, LearnAtOnce: true})}
}

// Quick is the rewriter's. The plan, or the refusal, is not lost: who is told false asks for it.
func (p *Planner) Quick(req *rewriter.Request, q *rewriter.Quick) bool {
	if !p.Rewriter.Quick(req, q) {
		if _, err := p.Plan(*req); err != nil || !p.Rewriter.Quick(req, q) {
			return false
		}
	}
	if q.Plan != nil {
		if _, ok := q.Prepared(); ok {
			p.prepared.Add(1)
		}
	}
	return true
}

// Prepared is how many texts had a form that can be prepared.
func (p *Planner) Prepared() int64 { return p.prepared.Load() }
