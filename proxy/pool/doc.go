// Package pool owns the connections to the upstream Postgres and hands them out as leases.
//
//	lease, err := pool.Acquire(ctx, key)   // waits its turn; dials
//	lease.Conn                             // speak the protocol on it
//	lease.Cancel(ctx)                      // cancel what runs on it now
//	lease.Release()                        // give it back
//
// # What must hold
//
// A connection never passes from one client to another with state in it that is not known to be clean. Here that is kept by the simplest
// of reset policies: a released connection is closed, so each lease is a connection of its own.
//
// Every connection starts from the settings in baseline: the ones that change how Postgres reads SQL or decides who sees what are given in
// the startup packet, which the pool writes itself, so that neither the configuration of the server nor that of the role decides them.
//
// At most MaxConnections leases are out at once. Who finds none free waits, first come first served, up to AcquireTimeout.
//
// There are no goroutines here besides those that pgconn runs while it connects.
package pool
