// Package eventloop watches many connections for little: one epoll instance tells which of them have something to read, and the goroutine that waits for
// that runs their handlers itself, one after the other. So a short message costs one read, and neither a wake-up of another goroutine nor a read that finds nothing.
//
//	conn, ok := eventloop.Adopt(conn)   // the connection is the package's from now on, and still a net.Conn
//	n, err := conn.TryRead(buffer)      // ErrWouldBlock when there is nothing
//	conn.Park(handler)                  // handler runs when there is something; nothing is held meanwhile, no goroutine and no stack
//
// # Handlers may block
//
// The goroutine that waits for events is a loop's leader. A handler that is about to wait for something calls Turn.Yield: another goroutine becomes the
// leader, and the handler goes on as a goroutine like any other. Who does not know whose turn it is calls Blocking, which makes all leaders that are in a handler
// yield; Conn's own Read and Write do when they have to wait. A handler that holds the loop up all the same is found by the loop's watch after a few milliseconds,
// which lets another goroutine lead. To yield without need is harmless.
//
// # What must hold
//
// A handler that was parked runs once: for bytes, the end of the connection, the deadline of its reads, or Close.
//
// Events are edges (EPOLLET). An edge is noted with its connection until a read has found less than it asked for; so Park does not miss what came before it.
//
// A file descriptor is used only through the os.File that owns it, whose lock keeps it from being closed, and its number from being used anew, meanwhile.
//
// # Goroutines
//
//	Loop.lead   one for each loop, for as long as the process runs; after a Yield it ends with its handler, and another one leads.
//	Loop.watch  one for each loop, for as long as the process runs. It sleeps while nothing happens.
//	handlers    in a goroutine of their own when a deadline or Close wakes them.
package eventloop
