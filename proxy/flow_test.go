package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// TestFlood pipelines 20 MB of queries while nothing is read, and then reads all answers.
func TestFlood(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for name, message := range map[string][]pgproto3.FrontendMessage{
		"simple":   {query("SELECT '" + strings.Repeat("x", 20000) + "' = 'y'")},
		"extended": {parse("", "SELECT $1::text = 'y'"), bind("", "", strings.Repeat("x", 20000)), exec("", 0), sync_},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, w.dsn())
			const rounds = 1000
			written := make(chan error, 1)
			go func() {
				var batch []byte
				var err error
				for _, m := range message {
					if batch, err = m.Encode(batch); err != nil {
						break
					}
				}
				for range rounds {
					if err == nil {
						_, err = c.conn.Write(batch)
					}
				}
				written <- err
			}()
			before := heap()
			// Answers are small here: all of it goes through while nobody reads. What is being worked on meanwhile is garbage soon.
			must(t, <-written)
			eventually(t, "the heap to have grown by less than 8 MiB", func() bool { return heap()-before < 8<<20 })
			heard := c.hear(rounds)
			n := 0
			for _, h := range heard {
				if h == `DataRow ["f"]` {
					n++
				}
			}
			if n != rounds {
				t.Errorf("%d answers, want %d; the last: %q", n, rounds, heard[len(heard)-1])
			}
		})
	}
}

// TestMessagesWithoutSync sends more messages than answers may be outstanding, and none that makes Postgres answer.
func TestMessagesWithoutSync(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	const rounds = 5000
	var messages []pgproto3.FrontendMessage
	for range rounds {
		messages = append(messages, parse("", "SELECT 1"))
	}
	heard := c.say(1, append(messages, sync_)...)
	if len(heard) != rounds+1 || heard[rounds-1] != "ParseComplete" {
		t.Errorf("%d answers, the last %q", len(heard), heard[len(heard)-1])
	}
}

// TestSlowReader asks for much and reads nothing for a while: the proxy must not collect it.
func TestSlowReader(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	before := heap()
	c.Send(query("SELECT repeat('x', 1000) FROM numbers a, numbers b WHERE b.n <= 100")) // 100 MB
	c.Send(query("SELECT repeat('y', 50000000)"))                                        // in one row
	must(t, c.Flush())
	eventually(t, "an upstream that is not read from", func() bool { return w.backends("wait_event = 'ClientWrite'") == 1 })
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	rows, largest := 0, 0
	for ready := 0; ready < 2; {
		m, err := c.Receive()
		must(t, err)
		switch m := m.(type) {
		case *pgproto3.DataRow:
			rows++
			largest = max(largest, len(m.Values[0]))
		case *pgproto3.ReadyForQuery:
			ready++
		}
	}
	if rows != 100001 || largest != 50000000 {
		t.Errorf("%d rows, the largest of %d bytes", rows, largest)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestLargeValues(t *testing.T) {
	w := newWorld(t, worldOptions{})
	conn := w.connect()
	ctx := context.Background()
	for _, size := range []int{0, 1, 16<<10 - 30, 16 << 10, 16<<10 + 1, 100000, 5 << 20} {
		value := strings.Repeat("v", size)
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
			var got string
			must(t, conn.QueryRow(ctx, "INSERT INTO orders (id, item) VALUES ($1, $2) ON CONFLICT (tenant_id, id) DO UPDATE SET item = excluded.item RETURNING item",
				mode, 500, value).Scan(&got))
			if got != value {
				t.Errorf("%d bytes came back as %d", size, len(got))
			}
			// The tenant's id given by the client, beside a value that has to be streamed.
			const own = "INSERT INTO orders (id, item, tenant_id) VALUES ($1, $2, $3) ON CONFLICT (tenant_id, id) DO NOTHING"
			_, err := conn.Exec(ctx, own, mode, 501, value, "acme")
			must(t, err)
			for _, foreign := range []any{"globex", strings.Repeat("g", 5000), nil} {
				if _, err := conn.Exec(ctx, own, mode, 502, value, foreign); state(err) != "42501" {
					t.Errorf("another tenant's id beside %d bytes: %v", size, err)
				}
			}
		}
	}
	var n int
	must(t, conn.QueryRow(ctx, "SELECT count(*) FROM orders WHERE id = 502").Scan(&n))
	if n != 0 {
		t.Errorf("%d rows were written for another tenant", n)
	}
	_, err := conn.Exec(ctx, "SELECT '"+strings.Repeat("x", 300000)+"'::int", pgx.QueryExecModeSimpleProtocol)
	if state(err) != "22P02" {
		t.Errorf("an error with a long message: %v", errors.Unwrap(err))
	}
}

// TestByteByByte sends everything one byte at a time.
func TestByteByByte(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c := dialRaw(t, w.dsn())
	var b []byte
	var err error
	for _, m := range []pgproto3.FrontendMessage{query("SELECT 1"), parse("", "SELECT item FROM orders WHERE id = $1"), bind("", "", "1"), exec("", 0), sync_} {
		b, err = m.Encode(b)
		must(t, err)
	}
	for _, one := range b {
		_, err := io.Copy(c.conn, bytes.NewReader([]byte{one}))
		must(t, err)
	}
	if heard := fmt.Sprint(c.hear(2)); !strings.Contains(heard, "anvil") {
		t.Errorf("heard %s", heard)
	}
}
