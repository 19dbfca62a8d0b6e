// Package storage counts what tenants have stored: the rows in their tables, and the bytes that these take.
//
//	meter := storage.New(storage.Config{...})
//	go meter.Run(ctx)      // counts at once, then every so often, until ctx ends
//	meter.Again()          // now, because the policy or the limits have changed
//
// It has a connection of its own for each count, which reads and no more. Each table of scope tenant or mixed is read once, by its tenant column
// and for the tenants that are asked for alone, so an index that begins with that column serves; partitions and children are counted with their
// parents. A table that cannot be read leaves the last count in force.
//
// Bytes are those of the values as they are stored, compressed or out of line, and the rows' headers; indexes and free space are nobody's.
//
// Run is the only goroutine, the caller's.
package storage
