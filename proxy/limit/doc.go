// Package limit holds every tenant, and every user within its tenant, to its limits: how many connections it has, how many statements run at once
// and start per second, how much is sent to it per second, and, handed out with each permit for the session to keep, what one statement
// and one transaction may do.
//
//	seat, err := gate.Connect(identity)    // at login, once authenticated
//	permit, err := seat.Admit(ctx)         // for each statement, before it is planned
//	pause := seat.Spend(rows, bytes)       // for each buffer that has been sent
//	permit.Done()                          // when the statement has ended
//	seat.Release()                         // when the session ends
//
// Admission comes before planning, because planning is the cost that a noisy tenant imposes on the others.
//
// A seat has two accounts: its tenant's and its user's. Each limit is looked at in both.
//
// # Statements per second
//
// A token bucket: it holds Burst statements, fills at StatementsPerSecond, and starts full. A statement that finds it empty waits for its token if
// that takes at most Wait, in the order of arrival (each waiting statement has taken a token of the future, so nobody overtakes); otherwise it is
// refused at once with an *Exceeded that says when a retry finds a token. A statement that gives up waiting (its context ended) returns its token,
// unless others queue behind it, whose times stay as they were.
//
// # Rows and bytes per second
//
// What a statement sends is known only afterwards, so these buckets can owe tokens. The sender is told to pause while they do, at most for Wait
// at a time, and a statement that begins meanwhile waits or is refused.
//
// # Statements at once
//
// Postgres runs the statements of a connection one after another, and an answer may be kept back until the client asks for it, so a connection
// counts once, from its first permit to the return of its last: a pipeline never waits for itself. Who finds no place free stands in line.
//
// Who has a place and then waits for what others of its tenant may have, as an upstream connection, lends the place meanwhile (Lend, TakeBack). Those others
// (Holds) come before all who have nothing yet, and do not count it, so that they can finish; for everybody else it is taken, so that no more of a tenant
// wait for connections than may run statements.
//
// # Several proxies
//
// With a Sharer, a limit per second is divided into portions, one for each proxy, which follow what each needs; see package budget. Buckets keep their
// tokens when a portion changes, at most as many as there is room for then, and those who wait for one are timed anew (turn.go). A portion can be next to
// nothing for a moment, so a statement is refused at once only if it would wait for too long with an even portion as well. A login waits for its tenant's
// first portion, a statement never.
//
// # Reload
//
// SetLimits exchanges all limits. Connections stay counted, buckets keep their tokens (at most the new burst), statements that wait for a token
// are timed anew, and those in line are let in as far as there is room now. A limit that is now lower cuts nobody off; it refuses until enough
// have gone.
//
// # Memory
//
// An account stays while it has connections or a bucket that is not full; after that it is as if its owner had never been seen, and it
// goes. Each login looks at a few old ones, and Stats at all, so that no goroutine is needed.
//
// # Locks
//
// Gate.mu guards the accounts' coming and going: logins, reloads, Stats. No statement takes it. Buckets and places are atomic numbers; slots.mu is
// taken only while somebody stands in line, and Seat.mu is the session's own, shared with its relay.
// turns.mu is taken by those who wait for a token. Seat.mu and slots.mu are never held together, slots.mu and turns.mu may be taken with Gate.mu held, and nobody waits with one of them held.
//
// There are no goroutines here; a waiting statement waits in its session's.
package limit
