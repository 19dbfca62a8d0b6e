package proxy_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
)

// TestTransactionsEndWhileOthersWait holds all connections in transactions of a tenant whose other statements, as many as it may have at once, wait for one: the
// transactions go on and end, and then the others run, in each protocol.
func TestTransactionsEndWhileOthersWait(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}, limits: limit.Limits{StatementsAtOnce: 2}, userLimits: limit.Limits{StatementsAtOnce: 2}})
	modes := map[string]pgx.QueryExecMode{"simple": pgx.QueryExecModeSimpleProtocol, "extended": pgx.QueryExecModeExec,
		"prepared": pgx.QueryExecModeCacheStatement}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			var holders []pgx.Tx
			var others []*pgx.Conn
			for range 2 {
				others = append(others, w.connect())
				_, err := others[len(others)-1].Exec(context.Background(), "SELECT $1::text", mode, "known")
				must(t, err)
			}
			for range 2 {
				tx, err := w.connect().Begin(context.Background())
				must(t, err)
				holders = append(holders, tx)
			}
			var group sync.WaitGroup
			for _, conn := range others {
				group.Go(func() {
					if _, err := conn.Exec(context.Background(), "SELECT $1::text", mode, "waits"); err != nil {
						t.Errorf("a statement that has waited for a connection: %v", err)
					}
				})
			}
			eventually(t, "two to wait for a connection", func() bool { return w.active.Pool.Stats().Waiting == 2 })
			if _, err := w.connect().Exec(context.Background(), "SELECT 1", pgx.QueryExecModeSimpleProtocol); state(err) != "53400" {
				t.Errorf("one more than the tenant may have at once: %v", err)
			}
			for _, tx := range holders {
				_, err := tx.Exec(context.Background(), "SELECT $1::int", mode, 1)
				must(t, err)
			}
			for _, tx := range holders {
				must(t, tx.Commit(context.Background()))
			}
			group.Wait()
			eventually(t, "no place to be taken", func() bool { return w.gate.Stats()[0].Running == 0 })
		})
	}
}

// TestNoConnectionIsHeldForATurn has a tenant send more statements than it may run at once, in the extended protocol: those that wait for their turn hold no
// connection that another tenant could use.
func TestNoConnectionIsHeldForATurn(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 3}, limits: limit.Limits{StatementsAtOnce: 1, Wait: 30 * time.Second}})
	direct, err := pgx.Connect(context.Background(), w.pg.DSN("app_proxy", w.database))
	must(t, err)
	defer direct.Close(context.Background())
	locked, err := direct.Begin(context.Background())
	must(t, err)
	_, err = locked.Exec(context.Background(), "LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE")
	must(t, err)
	var group sync.WaitGroup
	for range 4 {
		conn := w.connect()
		group.Go(func() {
			if _, err := conn.Exec(context.Background(), "DELETE FROM orders WHERE id = $1", pgx.QueryExecModeExec, 0); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the others to wait for their turn", func() bool {
		for _, u := range w.gate.Stats() {
			if u.Tenant == tenant("acme") && u.Waiting == 3 {
				return true
			}
		}
		return false
	})
	if n := w.active.Pool.Stats().InUse; n != 1 {
		t.Errorf("%d connections in use, want that of the statement that runs", n)
	}
	must(t, locked.Rollback(context.Background()))
	group.Wait()
}
