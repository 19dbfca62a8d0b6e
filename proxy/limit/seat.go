package limit

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// This file is on the path of every statement. Without limits per second, Admit and Done are a few atomic operations and an uncontended
// lock of the seat's own, without an allocation or a look at the clock; a test pins that.

// Seat is one connection's place at the gate. Admit, Resume, Lend and TakeBack are for the session's goroutine alone; Done, Spend and Release for any.
type Seat struct {
	gate         *Gate
	tenant, user *account
	once         sync.Once

	// Holds is set while the connection has what other statements of its tenant may wait for, as an upstream connection in a transaction: its
	// statements do not wait for those that have lent their place. Of the session's goroutine.
	Holds bool

	// What the limits of both accounts come to, and of which limits that was made. Of the session's goroutine.
	ofTenant, ofUser *Limits
	terms            Terms
	// waited is how long the statement that asks now has waited. Of the session's goroutine.
	waited time.Duration

	mu sync.Mutex
	// permits counts those that are out; placed is set while the connection counts as one with statements that run, lent while that place is lent.
	permits      int
	placed, lent bool
}

// Terms are what a statement, and the transaction that it is in, must keep to. Zero means unlimited.
type Terms struct {
	RowsPerStatement, ChangesPerStatement                          int64
	StatementTimeout, TransactionTimeout, IdleInTransactionTimeout time.Duration
	// user is whose those of usersOwn are; the others are the tenant's.
	user     string
	usersOwn termSet
}

// termSet is a set of the limits in Terms.
type termSet uint8

const (
	termRows termSet = 1 << iota
	termChanges
	termStatement
	termTransaction
	termIdle
)

// Permit is the right to run one statement now, and what the statement must keep to. The zero value permits nothing and holds nothing.
type Permit struct {
	Terms
	// Waited is how long it took to get.
	Waited time.Duration
	seat   *Seat
}

func (s *Seat) accounts() [2]*account { return [2]*account{s.user, s.tenant} }

// Release gives the connection's place back. Calls after the first do nothing.
func (s *Seat) Release() { s.once.Do(func() { s.gate.disconnect(s) }) }

// Admit waits until the connection may run another statement, at most as long as the limits say. The error is an *Exceeded with SQLSTATE
// 53400, or the context's.
func (s *Seat) Admit(ctx context.Context) (Permit, error) {
	s.enter()
	if err := s.payBoth(ctx); err != nil {
		s.leave()
		return Permit{}, err
	}
	return s.place(ctx)
}

// Resume is Admit for a statement that counts no more, because a permit was taken for it before.
func (s *Seat) Resume(ctx context.Context) (Permit, error) {
	s.enter()
	return s.place(ctx)
}

// Done gives the permit back. Calls after the first do nothing.
func (p *Permit) Done() {
	if p.seat != nil {
		p.seat.leave()
		p.seat = nil
	}
}

func (s *Seat) enter() {
	s.waited = 0
	s.mu.Lock()
	defer s.mu.Unlock()
	s.permits++
}

func (s *Seat) leave() {
	s.mu.Lock()
	s.permits--
	free, lent := s.permits == 0 && s.placed, s.lent
	if free {
		s.placed, s.lent = false, false
	}
	s.mu.Unlock()
	if free {
		s.tenant.running.release(lent)
		s.user.running.release(lent)
	}
}

// Lend says that the connection waits for what others that Hold it may give: until TakeBack, they do not wait for its place.
func (s *Seat) Lend() {
	s.mu.Lock()
	lends := s.placed && !s.lent
	s.lent = s.lent || lends
	s.mu.Unlock()
	if lends {
		s.user.running.lend()
		s.tenant.running.lend()
	}
}

// TakeBack ends what Lend has begun: it waits until the connection may run a statement, as Admit does. After an error the place is lent still, until
// Done.
func (s *Seat) TakeBack(ctx context.Context) error {
	s.mu.Lock()
	lent := s.lent
	s.mu.Unlock()
	if !lent { // and nobody else changes that to true
		return nil
	}
	s.waited = 0
	if err := s.standFor(ctx, s.user, true); err != nil {
		return err
	}
	if err := s.standFor(ctx, s.tenant, true); err != nil {
		s.user.running.lend()
		return err
	}
	s.mu.Lock()
	s.lent = false
	s.mu.Unlock()
	return nil
}

// place makes the connection one with a statement that runs, unless it is: Postgres runs the statements of a connection one after another.
func (s *Seat) place(ctx context.Context) (Permit, error) {
	s.mu.Lock()
	placed := s.placed
	s.mu.Unlock()
	if !placed { // and nobody else changes that now
		if err := s.stand(ctx); err != nil {
			s.leave()
			return Permit{}, err
		}
		s.mu.Lock()
		s.placed = true
		s.mu.Unlock()
	}
	s.agree()
	return Permit{Terms: s.terms, Waited: s.waited, seat: s}, nil
}

func (s *Seat) stand(ctx context.Context) error {
	if err := s.standFor(ctx, s.user, false); err != nil {
		return err
	}
	if err := s.standFor(ctx, s.tenant, false); err != nil {
		s.user.running.release(false)
		return err
	}
	return nil
}

// standFor takes one of the account's places, or back the one that was lent, and waits for it.
func (s *Seat) standFor(ctx context.Context, a *account, back bool) error {
	if back && a.running.takeBack() || !back && a.running.try(s.Holds) {
		return nil
	}
	l := a.limits.Load()
	if l.Wait <= 0 {
		return atOnceExceeded(l, a.user)
	}
	defer s.waits(a)()
	turn := a.running.wait(s.Holds, back)
	timer := time.NewTimer(l.Wait)
	defer timer.Stop()
	var err error
	select {
	case <-turn.ready:
		return nil
	case <-timer.C:
		err = atOnceExceeded(l, a.user)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if a.running.leave(turn) {
		if ctx.Err() == nil {
			return nil
		}
		if back {
			a.running.lend()
		} else {
			a.running.release(false)
		}
	}
	return err
}

func (s *Seat) payBoth(ctx context.Context) error {
	if err := s.pay(ctx, s.user); err != nil {
		return err
	}
	err := s.pay(ctx, s.tenant)
	if err != nil {
		s.user.giveBack()
	}
	return err
}

// pay takes the account's token for a statement, and waits until it and all that was sent before is due.
func (s *Seat) pay(ctx context.Context, a *account) error {
	p := a.statements.pace.Load()
	if p == nil && !a.metered() {
		return nil
	}
	l, now := a.limits.Load(), s.gate.now()
	if s.gate.closed.Load() {
		for i, total := range l.perSecond() {
			if total > 0 {
				return awayExceeded(rateNames[i], l, a.user)
			}
		}
	}
	owed, late := a.owed(now, l.Wait)
	if late != nil {
		return rateExceeded(late.limit, l, a.user, late.hoped(now))
	}
	if p != nil {
		delay, ok := a.statements.take(p, now, p.within(l.Wait))
		a.shares[rateStatements].count(1, !ok || delay > 0)
		if !ok {
			return rateExceeded(StatementsPerSecond, l, a.user, p.hoped(delay))
		}
		a.shares[rateStatements].lately.add(1, now)
		owed[rateStatements] = due{pace: p, at: now + delay, limit: StatementsPerSecond}
	}
	if owed.last().at <= now {
		return nil
	}
	err := s.await(ctx, a, owed, l)
	if err != nil && p != nil {
		a.giveBack()
	}
	return err
}

// waits counts a statement that waits until what it returns is called.
func (s *Seat) waits(a *account) (over func()) {
	began := time.Now()
	a.waiting.Add(1)
	return func() {
		a.waiting.Add(-1)
		s.waited += time.Since(began)
	}
}

// Weight is the tenant's part of the upstream's time; 0 means 1.
func (s *Seat) Weight() float64 { return s.tenant.limits.Load().Weight }

// Metered reports whether Spend has to be told of what is sent.
func (s *Seat) Metered() bool { return s.tenant.metered() || s.user.metered() }

// Spend counts rows and bytes that were sent to the client. It says for how long the sender should pause before it sends more;
// what a pause does not cover, the next statement waits for.
func (s *Seat) Spend(rows, bytes int64) time.Duration {
	now := s.gate.now()
	return time.Duration(max(s.user.spend(rows, bytes, now), s.tenant.spend(rows, bytes, now)))
}

// agree looks whether the limits have been exchanged.
func (s *Seat) agree() {
	tenant, user := s.tenant.limits.Load(), s.user.limits.Load()
	if tenant == s.ofTenant && user == s.ofUser {
		return
	}
	s.ofTenant, s.ofUser = tenant, user
	t := Terms{user: s.user.user}
	t.RowsPerStatement = lower(&t, termRows, tenant.RowsPerStatement, user.RowsPerStatement)
	t.ChangesPerStatement = lower(&t, termChanges, tenant.ChangesPerStatement, user.ChangesPerStatement)
	t.StatementTimeout = lower(&t, termStatement, tenant.StatementTimeout, user.StatementTimeout)
	t.TransactionTimeout = lower(&t, termTransaction, tenant.TransactionTimeout, user.TransactionTimeout)
	t.IdleInTransactionTimeout = lower(&t, termIdle, tenant.IdleInTransactionTimeout, user.IdleInTransactionTimeout)
	if t.usersOwn == 0 {
		t.user = ""
	}
	s.terms = t
}

// lower is the lower of a tenant's and its user's limit, and notes when that is the user's.
func lower[T int64 | time.Duration](t *Terms, term termSet, tenant, user T) T {
	if user <= 0 || tenant > 0 && tenant <= user {
		return max(tenant, 0)
	}
	t.usersOwn |= term
	return user
}

// exceeded is the error for one of the limits.
func (t *Terms) exceeded(term termSet, name, value, sqlState string) *Exceeded {
	e := &Exceeded{Limit: name, Value: value, SQLState: sqlState}
	if t.usersOwn&term != 0 {
		e.User = t.user
	}
	return e
}

// RowsExceeded is the error for a statement that was cut off after RowsPerStatement rows: SQLSTATE 53400.
func (t *Terms) RowsExceeded() *Exceeded {
	return t.exceeded(termRows, RowsPerStatement, strconv.FormatInt(t.RowsPerStatement, 10)+" rows", configurationLimitExceeded)
}

// ChangesExceeded is the error for a statement that has changed more than ChangesPerStatement rows: SQLSTATE 53400.
func (t *Terms) ChangesExceeded() *Exceeded {
	return t.exceeded(termChanges, ChangesPerStatement, strconv.FormatInt(t.ChangesPerStatement, 10)+" rows", configurationLimitExceeded)
}

// TimeExceeded is the error for a statement that was cut off after StatementTimeout: SQLSTATE 57014.
func (t *Terms) TimeExceeded() *Exceeded {
	return t.exceeded(termStatement, StatementTimeout, t.StatementTimeout.String(), queryCanceled)
}

// TransactionExceeded is the error for a transaction that was open for longer than TransactionTimeout: SQLSTATE 25P04.
func (t *Terms) TransactionExceeded() *Exceeded {
	return t.exceeded(termTransaction, TransactionTimeout, t.TransactionTimeout.String(), transactionTimeout)
}

// IdleExceeded is the error for a transaction that has waited for its client for longer than IdleInTransactionTimeout: SQLSTATE 25P03.
func (t *Terms) IdleExceeded() *Exceeded {
	return t.exceeded(termIdle, IdleInTransactionTimeout, t.IdleInTransactionTimeout.String(), idleTransaction)
}
