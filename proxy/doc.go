// Package proxy serves clients: it speaks the Postgres protocol to them, has their statements planned and confined to their tenant, and
// runs them upstream.
//
// # The path of a statement
//
//	session.go    messages: one frame of the client's after the other
//	statement.go  query, and in extended.go parse, bind, execute: gate.Admit, Planner.Plan, Observer.Decided, send
//	pipeline.go   each message that is sent has its answer in the queue: forward, skip or fake
//	lease.go      an upstream connection, from the first message that needs one until nothing of the session is left on it
//	shared.go     the statement has a name that all sessions share, and is prepared there if it has to be; redo.go: again, when the schema has changed
//	parsing.go    a text that was never seen waits for its tenant's turn to be parsed
//	asprepared.go  a Query that comes again with other literals runs as a prepared statement; comparison.go: once the upstream has described both alike
//	copy.go       the rows of COPY FROM STDIN, through package copyin
//	relay.go      the upstream's bytes, in whole buffers, to the client; answers.go: the messages that have to be understood
//	errors.go     every error that a client reads
//
// A session of the admin database leaves that path after its login: console.go, and package console; console_source.go is what that sees of the sessions.
//
// Between two messages a session has no goroutine, and neither has a relay between two buffers: parked.go, and package eventloop.
//
// Beside the path: startup.go and encryption.go from the first byte to ReadyForQuery, prepared.go which statement a name stands for,
// sqlprepared.go PREPARE and EXECUTE, carried.go the settings that go with a session from one connection to the next and what keeps it on one, channels.go notifications, settings.go and schema.go the search_path, the temporary tables and the changed schema that the next plan depends on, cancel.go, waiting.go and vanished.go cancel requests, and clients that go away while their statements wait, changes.go, overtime.go and pace.go the tenant's limits, server.go listeners, reload and shutdown.
//
// On a database that belongs to one tenant whole (verbatim.go) messages pass as they are; verbatim_ledger.go keeps account of the answers, and
// verbatim_limits.go holds the limits.
//
// # What must hold
//
// Nothing of a statement goes upstream before it has a plan, or when it is refused. A text with several statements is planned whole.
//
// A refusal is to the client what an error of Postgres would be in its place. Where a transaction is open, explicit or implicit, the upstream
// must fail too: it is sent a statement that surely fails, whose error is replaced by the refusal (mode fake). Where none is, the
// refusal is answered here alone.
//
// The tenant's parameters follow the plan of the very statement that the upstream knows by the name in a Bind; see prepared.
//
// The client sees neither the appended parameters, nor answers to the proxy's own statements, nor what in an error concerns the rewritten text,
// the upstream's inside or rows (DETAIL): see passed.
//
// A message that is not expected ends the session. Every switch over messages is closed.
//
// # Who sends what
//
// The pipeline's queue is in the order of the messages sent, so the upstream's answers meet their expectations in turn. Only the session's
// goroutine pushes; only the relay pops, after the answer was written. When the queue is empty the relay has nothing to write, and the
// session's goroutine may answer by itself.
//
// A cancel request (the client's, or one for a statement over its row limit) reaches what runs now and nothing later: while one is on its way
// no new message is sent, and behind a statement under a row limit nothing is sent until it has ended, save for a Sync
// that cannot commit anything.
//
// Behind a statement with COPY FROM STDIN nothing is sent until the upstream asks for rows, or the statement has ended: only then is it known
// whether the client's next messages are rows. A row that is refused makes the session give the COPY up (CopyFail), and the refusal takes the place
// of the error that this provokes; an error in a row before it comes first, as with Postgres.
//
// # Memory
//
// Per client a buffer of 512 bytes while it is idle, and a stack of 4 KiB where its connection is encrypted, and for what comes and goes one of 16 KiB in each direction; at most one SQL text, the texts of its prepared
// statements (bounded), and the queue (at most 1024 answers). Per upstream connection 16 KiB in each direction. Values and rows are streamed, those of COPY through
// a buffer of 50 KiB. Who does not read is not read from, once the sockets are full.
//
// # Goroutines
//
//	Server.Serve     the caller's: accepts. Ends with its listener, which Shutdown closes.
//	session.run      one per connection, started by Server.start, waited for by Shutdown. Ends when the client or the upstream does,
//	                 or when it is woken to end (session.wake), or its connection is closed (session.cut). Once the client is logged in it is parked whenever it
//	                 waits for the client, and goes on in the goroutine of an event loop; where it is encrypted it waits, and when it has become quiet goes on in
//	                 another goroutine (tidy.go).
//	Server.tidy      a timer's, for a moment, while there are sessions; and one that gives memory back, waited for by Shutdown.
//	relay.run        one per upstream connection, started and waited for by package pool. Ends when the connection does. Where that is not encrypted
//	                 it only waits for the end: the relay is parked, as sessions are.
//	verbatimRelay.run  the same on a database of the tenant's own, by verbatim.serve.
//	verbatim.overdue   started by the ledger's clock to cancel a statement that has had its time; verbatim.serve waits for it.
//	Kill's wait      one for each call that ends sessions, for half a second: then their connections are closed.
//	session.abandon  for a moment, when a session is cut off whose statement runs on.
//	session.lookAtTime  a timer's, for a moment, while transactions are limited in time; stopped with the session.
//	Shutdown's wait  one, until the last of the above has ended.
//
// A cancel request runs in the goroutine of the connection it came by.
package proxy
