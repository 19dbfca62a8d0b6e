// Package pool owns the connections to one upstream database, and lends them to sessions.
//
//	c, err := pool.Acquire(ctx, Request{Key: key})  // one that is idle, else waits its turn
//	c.Write(…)                                      // speak the protocol on it; its Backend reads what comes
//	c.Cancel(ctx)                                   // cancel what runs on it now
//	c.Release(true)                                 // clean and idle: to the next who waits; Release(false) closes it
//
// # What must hold
//
// The pool knows nothing of the protocol's messages. Whoever has leased a connection says at Release whether its state is known to be
// clean; what is not is closed. A connection serves only requests with the Key that it was made for.
//
// Every connection starts from the settings in baseline: the ones that change how Postgres reads SQL or decides who sees what are given in
// the startup packet, which the pool writes itself, so that neither the configuration of the server nor that of the role decides them.
//
// There are never more than Size connections, whatever keys clients ask for, or Size and ReserveSize when somebody has waited for
// longer than ReserveTimeout, and never more than MaxConnections. Connections that are being made count.
//
// Who finds no idle connection waits. A connection that is released goes directly to the tenant that comes first of those who wait for its key (see below), and
// of a tenant's requests to the first; nobody overtakes within a tenant. A connection of another key is closed in favour of who waits when it is idle, the least
// recently used one first, or when it is released and who comes first of all has waited for longer than keyPatience, and the connection has served its own key for
// as long: sooner would cost a new connection for every transaction where keys take turns.
//
// # Fairness
//
// Tenants share the time of the connections by weighted fair queueing: the one comes first that has used the least, in proportion to its weight, where a connection is
// used from being lent to being released, whether it works or not, and what runs counts up to now. A tenant that comes back, or is new, begins where the
// one is who has used the least of those who are there: it has saved nothing while it was away. One that has used more than others and goes is remembered until they have caught up.
//
// What runs at once is bounded as well while several tenants are there (governor): a tenant that has a connection gets another only below a limit, which is found by what
// the tenants with one connection feel, and not the last that are free. Its first is never held back, so nobody waits for ever, and neither are sessions that keep their
// connection (Request.Whole); a lease that waits for its client does not count. So a connection can be idle while somebody waits.
//
// # How connections come and go
//
// A connection is made in a goroutine of its own, for nobody in particular: whoever gets one back first serves the first who waits. When that fails,
// those fail who can get no connection otherwise, after outagePatience if a restart of the upstream could be the reason; the next attempt is a single one, after a pause that grows from pauseLeast to pauseMost.
// A setting that the upstream refuses is only the fault of who has asked for it.
//
// The Backend of a connection reads it as long as it lives, idle or leased: so one that dies while it is idle leaves the pool at once. One that was
// idle for longer than CheckDelay is asked for a sign of life before it is lent, where the Backend can do that; without one all that were idle for as long go.
//
// A reload changes sizes and times in place (Configure). Another upstream is another pool: the old one is retired, which serves who still uses it and
// keeps nothing.
//
// A pool that is held (Hold) closes what is idle, and what is leased when it is released, and makes nothing: who asks waits, no longer than
// WaitTimeout, until Resume.
//
// The keeper closes connections that are idle for longer than IdleTimeout, down to MinSize, and idle ones that are older than Lifetime. When there are
// fewer than MinSize, others are made with the key of the last one that was lent or made.
//
// # Locks
//
// Pool.mu guards all that changes. Nothing that could block is done while it is held: connections are closed by unlock.
//
// # Goroutines
//
//	Pool.keep    one per pool: idle timeout, lifetime, the next attempt after a failure. Ends with Close.
//	Pool.dial    one per connection that is being made. Ends with it; Close interrupts it.
//	Pool.attend  one per connection, for Backend.Run. Ends when the connection does.
//
// Close waits for all of them, and for every connection that is leased.
package pool
