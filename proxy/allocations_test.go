//go:build !race

// The race detector makes pools forget at random what they are given.

package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pgwire"
)

// TestPreparedAllocatesNothing sends one execution of a prepared statement after the other, as libpq does: Bind, Describe, Execute and Sync in one write. Once it is
// known, an execution allocates nothing, in the session, the relay, the pool, the limits nor what is counted.
func TestPreparedAllocatesNothing(t *testing.T) {
	limits := limit.Limits{StatementsAtOnce: 1000, RowsPerStatement: 1000, Wait: time.Second, StatementTimeout: time.Minute, TransactionTimeout: time.Minute, IdleInTransactionTimeout: time.Minute, StatementsPerSecond: 1e9, RowsPerSecond: 1e9, BytesPerSecond: 1e12}
	for name, o := range map[string]worldOptions{"plain": {}, "limits": {limits: limits, userLimits: limits}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o)
			w.seen.forgets = true
			conn := prepareRaw(t, w, "s", "SELECT id, item FROM orders WHERE id = $1")
			execute := bindDescribeExecute("s", "1")
			answer := make([]byte, 0, 1024)
			must(t, converse(conn, execute, &answer))
			allocated := func(turns int) uint64 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range turns {
					must(t, exchange(conn, execute, answer))
				}
				runtime.ReadMemStats(&after)
				return after.Mallocs - before.Mallocs
			}
			const turns = 2000
			allocated(turns)
			// What runs beside, as the runtime's own work, allocates now and then.
			if n := allocated(turns); n > turns/20 {
				t.Errorf("%d allocations in %d executions", n, turns)
			}
		})
	}
}

// prepareRaw logs in as acme, prepares a statement and returns the bare connection.
func prepareRaw(t *testing.T, w *world, name, sql string) net.Conn {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), w.dsn())
	must(t, err)
	_, err = conn.Prepare(context.Background(), name, sql, nil)
	must(t, err)
	hijacked, err := conn.Hijack()
	must(t, err)
	t.Cleanup(func() { hijacked.Conn.Close() })
	return hijacked.Conn
}

// bindDescribeExecute is what libpq writes to run a prepared statement with one value, in text.
func bindDescribeExecute(name, value string) []byte {
	bind := append([]byte{0}, name...)
	bind = append(bind, 0, 0, 0, 0, 1, 0, 0, 0, byte(len(value)))
	bind = append(bind, value...)
	bind = append(bind, 0, 0)
	message := pgwire.Append(nil, pgwire.MsgBind, bind...)
	message = pgwire.Append(message, pgwire.MsgDescribe, 'P', 0)
	message = pgwire.Append(message, pgwire.MsgExecute, 0, 0, 0, 0, 0)
	return pgwire.Append(message, pgwire.MsgSync)
}

// converse writes the request and appends everything up to ReadyForQuery to answer.
func converse(conn net.Conn, request []byte, answer *[]byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(conn, head); err != nil {
			return err
		}
		body := make([]byte, int(head[3])<<8+int(head[4])-4)
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		*answer = append(append(*answer, head...), body...)
		switch head[0] {
		case pgwire.MsgReady:
			return nil
		case pgwire.MsgError:
			return fmt.Errorf("%q", body)
		}
	}
}

// exchange writes the request and reads as much as the answer has.
func exchange(conn net.Conn, request, answer []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, answer)
	return err
}
