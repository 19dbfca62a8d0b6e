package limit

import (
	"context"
	"strconv"
	"time"

	"pgcordon/policy"
)

// This file is on the path of every statement. For a tenant with a connection and without a rate limit, Admit and Done are a shared lock, a map
// look-up and two atomic adds, without an allocation or a look at the clock; a test pins that.

// Permit is the right to run one statement now, and what the statement must keep to. The zero value permits nothing and holds nothing.
type Permit struct {
	RowsPerStatement int64         // 0: unlimited
	StatementTimeout time.Duration // 0: unlimited
	entry            *entry
}

// Done gives the permit back. Calls after the first do nothing.
func (p *Permit) Done() {
	if p.entry != nil {
		p.entry.running.Add(-1)
		p.entry = nil
	}
}

// RowsExceeded is the error for a statement that was cut off after RowsPerStatement rows: SQLSTATE 53400.
func (p *Permit) RowsExceeded() *Exceeded {
	return &Exceeded{Limit: RowsPerStatement, Value: strconv.FormatInt(p.RowsPerStatement, 10) + " rows", SQLState: configurationLimitExceeded}
}

// TimeExceeded is the error for a statement that was cut off after StatementTimeout: SQLSTATE 57014.
func (p *Permit) TimeExceeded() *Exceeded {
	return &Exceeded{Limit: StatementTimeout, Value: p.StatementTimeout.String(), SQLState: queryCanceled}
}

// Admit waits until the tenant may run a statement, at most as long as its limits say. The error is an *Exceeded with SQLSTATE 53400,
// or the context's.
func (g *Gate) Admit(ctx context.Context, t policy.TenantID) (Permit, error) {
	e, limits, err := g.enter(t)
	if err != nil {
		return Permit{}, err
	}
	if limits.StatementsPerSecond > 0 {
		if err := e.wait(ctx, &limits); err != nil {
			e.running.Add(-1)
			return Permit{}, err
		}
	}
	return Permit{RowsPerStatement: limits.RowsPerStatement, StatementTimeout: limits.StatementTimeout, entry: e}, nil
}

// enter counts a running statement, which keeps the entry from being forgotten.
func (g *Gate) enter(t policy.TenantID) (*entry, Limits, error) {
	if !t.IsValid() {
		return nil, Limits{}, errNoTenant
	}
	g.mu.RLock()
	if e := g.entries[t]; e != nil {
		e.running.Add(1)
		limits := e.limits
		g.mu.RUnlock()
		return e, limits, nil
	}
	g.mu.RUnlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entry(t)
	e.running.Add(1)
	return e, e.limits, nil
}

// wait takes a token, and waits until it is due.
func (e *entry) wait(ctx context.Context, limits *Limits) error {
	delay, cancel, err := e.take(limits)
	if err != nil || delay <= 0 {
		return err
	}
	e.waiting.Add(1) // before running goes down: one of the two keeps the entry
	e.running.Add(-1)
	defer func() {
		e.running.Add(1)
		e.waiting.Add(-1)
	}()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		cancel()
		return ctx.Err()
	}
}

// take takes a token of now, or of a time within the permitted wait: then delay says when, and cancel gives it back.
func (e *entry) take(limits *Limits) (delay time.Duration, cancel func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	bucket := e.bucket
	if bucket == nil { // the limit has just been lifted
		return 0, nil, nil
	}
	now := time.Now()
	if bucket.AllowN(now, 1) { // unlike ReserveN, does not allocate; false while others wait
		return 0, nil, nil
	}
	token := bucket.ReserveN(now, 1)
	delay = token.DelayFrom(now)
	if delay > limits.Wait {
		token.CancelAt(now)
		return 0, nil, rateExceeded(limits, delay)
	}
	return delay, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		token.Cancel()
	}, nil
}
