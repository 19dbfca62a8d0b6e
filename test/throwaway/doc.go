// Package throwaway starts a real Postgres that nobody will miss: a fresh cluster in a temporary directory,
// gone when it is stopped or when the process that started it ends in any way.
//
//	pg, err := throwaway.Start(ctx, throwaway.Options{})   // initdb + postgres, under two seconds
//	defer pg.Stop()
//	conn, err := pgx.Connect(ctx, pg.DSN("", "postgres"))  // superuser over 127.0.0.1
//	err = pg.Exec(ctx, "postgres", "CREATE DATABASE shop") // as superuser
//	err = pg.Restart(ctx)                                  // same data, same port
//	other, err := pg.Standby(ctx)                          // a copy that follows it
//
// Tests use throwawaytest.ForTest(t), which shares one server in a test binary; it lives in a package of its own so that
// the pgcordon binary, which starts a throwaway server for `pgcordon demo`, does not link package testing.
//
// The server binaries are those in $PGCORDON_POSTGRES_BIN, else the newest supported major below /usr/lib/postgresql. scripts/servers
// fetches servers of every major: PGCORDON_POSTGRES_BIN=$(go run ./scripts/servers -bin 14) go test ./rewriter
// Postgres refuses to run as root, so root starts it as the user postgres, or nobody.
//
// Everybody on the machine may log in (trust authentication) and nothing is flushed to disk: keep nothing in it that matters.
//
// Who ends what: Stop ends the server by the process id that Start saw and removes Dir. Should the starting process die first,
// a watchdog (a shell in a process group of its own, blocked on a pipe that closes with its parent) does the same.
// Each server has one goroutine, which reaps it; Stop waits for it.
package throwaway
