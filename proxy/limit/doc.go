// Package limit holds every tenant to its limits: how many connections it has, how many statements per second it runs, and, handed
// out with each permit for the session to keep, how many rows a statement returns and how long it takes.
//
//	release, err := gate.Connect(tenant)     // at login, once authenticated
//	permit, err := gate.Admit(ctx, tenant)   // for each statement, before it is planned
//	permit.Done()                            // when the statement has ended
//	release()                                // when the session ends
//
// Admission comes before planning, because planning is the cost that a noisy tenant imposes on the others.
//
// # Statements per second
//
// A token bucket: it holds Burst statements, fills at StatementsPerSecond, and starts full. A statement that finds it empty waits for its token if
// that takes at most Wait, in the order of arrival (each waiting statement has taken a token of the future, so nobody overtakes); otherwise it is
// refused at once with an *Exceeded that says when a retry finds a token. A statement that gives up waiting (its context ended) returns its token,
// unless others queue behind it, whose times stay as they were.
//
// # Reload
//
// SetLimits exchanges all limits in one step. Connections stay counted, buckets keep their tokens (at most the new burst), statements that
// wait keep their time. A connection limit that is now lower cuts nobody off; it refuses until enough have gone.
//
// # Memory
//
// A tenant has an entry while it has connections, running or waiting statements, or a bucket that is not full; after that it is as if it
// had never been seen, and its entry goes. Each new entry looks at two old ones, and Stats at all, so that no goroutine is needed.
//
// # Locks
//
// Gate.mu guards the map and the limits in the entries: held shared to find an entry, exclusively to make or drop one. entry.mu makes "take a token, or see that
// it would take too long and give it back" one step; it is taken after Gate.mu, never the other way round, and nobody waits with either held.
//
// There are no goroutines here; a waiting statement waits in its session's. All methods are safe for concurrent use, save that
// a Permit belongs to one statement.
package limit
