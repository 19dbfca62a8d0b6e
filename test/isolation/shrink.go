package isolation

import (
	"context"
	"slices"
	"time"
)

// shrinker makes a finding smaller while it stays a finding of its kind.
type shrinker struct {
	w        *Worlds
	best     *Finding
	deadline time.Time
	tries    int
}

// Shrink drops statements, rows and clauses as long as the worlds differ in the same way, for at most the given time.
func (w *Worlds) Shrink(ctx context.Context, f *Finding, patience time.Duration) *Finding {
	s := &shrinker{w: w, best: f, deadline: time.Now().Add(patience)}
	b := f.Batch
	if f.Step < len(b.Steps) {
		s.try(ctx, &Batch{Schema: b.Schema, Rows: b.Rows, Steps: b.Steps[:f.Step+1]})
		s.try(ctx, &Batch{Schema: b.Schema, Rows: b.Rows, Steps: b.Steps[f.Step : f.Step+1]})
	}
	for before := -1; before != s.best.size() && s.patient(); {
		before = s.best.size()
		s.steps(ctx)
		s.rows(ctx)
		s.nodes(ctx)
		s.modes(ctx)
	}
	return s.best
}

// size measures how much there is to read.
func (f *Finding) size() int {
	total := 0
	for _, step := range f.Batch.Steps {
		total += len(step.Query.SQL()) + 10
		if step.Data != nil {
			total += len(step.Data.SQL())
		}
	}
	for _, byTenant := range f.Batch.Rows {
		for _, rows := range byTenant {
			total += 10 * len(rows)
		}
	}
	return total
}

func (s *shrinker) patient() bool { return time.Now().Before(s.deadline) }

// try keeps a smaller batch if it still shows the difference.
func (s *shrinker) try(ctx context.Context, b *Batch) bool {
	if !s.patient() {
		return false
	}
	s.tries++
	f, err := s.w.Run(ctx, b, nil)
	if err != nil || f == nil || f.Kind != s.best.Kind {
		return false
	}
	s.best = f
	return true
}

// steps drops runs of steps, long ones first.
func (s *shrinker) steps(ctx context.Context) {
	for chunk := len(s.best.Batch.Steps) / 2; chunk >= 1; chunk /= 2 {
		for at := 0; at+chunk <= len(s.best.Batch.Steps) && len(s.best.Batch.Steps) > 1; {
			b := *s.best.Batch
			b.Steps = slices.Delete(slices.Clone(b.Steps), at, at+chunk)
			if len(b.Steps) == 0 || !s.try(ctx, &b) {
				at += chunk
			}
		}
	}
}

// rows drops rows, by table and tenant at first.
func (s *shrinker) rows(ctx context.Context) {
	for ti := range s.best.Batch.Rows {
		for tenant := range slots {
			for chunk := len(s.best.Batch.Rows[ti][tenant]); chunk >= 1; chunk /= 2 {
				for at := 0; at+chunk <= len(s.best.Batch.Rows[ti][tenant]); {
					b := *s.best.Batch
					b.Rows = slices.Clone(b.Rows)
					b.Rows[ti][tenant] = slices.Delete(slices.Clone(b.Rows[ti][tenant]), at, at+chunk)
					if !s.try(ctx, &b) {
						at += chunk
					}
				}
			}
		}
	}
}

// nodes takes the statements apart in place and puts back what was needed.
func (s *shrinker) nodes(ctx context.Context) {
	for i := range s.best.Batch.Steps {
		for progress := true; progress && s.patient(); {
			progress = false
			var found []any
			step := s.best.Batch.Steps[i]
			step.Query.walk(func(x any) { found = append(found, x) })
			if step.Data != nil {
				step.Data.walk(func(x any) { found = append(found, x) })
			}
			for _, x := range found {
				progress = s.node(ctx, x) || progress
			}
		}
	}
}

func (s *shrinker) node(ctx context.Context, x any) bool {
	same := func() bool { return s.try(ctx, s.best.Batch) }
	switch x := x.(type) {
	case *Node:
		for _, smaller := range x.Instead {
			old := *x
			*x = *smaller
			if same() {
				return true
			}
			*x = old
		}
	case *List:
		all, progress := x.Items, false
		if x.Items = all[:min(x.Min, len(all))]; len(all) > x.Min+1 && same() {
			return true
		}
		x.Items = all
		for i := len(x.Items) - 1; i >= 0 && len(x.Items) > x.Min; i-- {
			old := x.Items
			x.Items = slices.Delete(slices.Clone(old), i, i+1)
			if same() {
				progress = true
			} else {
				x.Items = old
			}
		}
		return progress
	case *Literal:
		if x.Param {
			if x.Param = false; same() {
				return true
			}
			x.Param = true
		}
	}
	return false
}

// modes prefers the simple protocol.
func (s *shrinker) modes(ctx context.Context) {
	for i, step := range s.best.Batch.Steps {
		plain := *step
		plain.Mode, plain.BinaryResult = SimpleQuery, false
		if plain.Mode == step.Mode || step.Data != nil {
			continue
		}
		b := *s.best.Batch
		b.Steps = slices.Clone(b.Steps)
		b.Steps[i] = &plain
		s.try(ctx, &b)
	}
}
