package proxy_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/proxy/limit"
	"pgcordon/proxy/pool"
)

// Some milliseconds of the server's time, the same for each tenant.
const heavy = "SELECT count(*) FROM generate_series(1, 1000) a, generate_series(1, 60) b"

// flood keeps clients of a user busy until the function that it returns is called.
func (w *world) flood(user string, clients int, sql string) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	for range clients {
		conn := w.connectAs(user)
		done.Go(func() {
			for ctx.Err() == nil {
				if _, err := conn.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					w.t.Error(err)
					return
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
}

// answered is how many statements of a tenant have ended.
func (w *world) answered(name string) (n int) {
	for _, o := range w.seen.outcomes() {
		if o.Identity.Tenant == tenant(name) {
			n++
		}
	}
	return n
}

// A quiet tenant is served as soon as a connection is free, however many clients of another tenant have waited before it.
func TestQuietTenantBesideAFlood(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
	quiet := w.connectAs("globex_app")
	stop := w.flood("acme_app", 16, heavy)
	defer stop()
	eventually(t, "the flood", func() bool { return w.answered("acme") > 16 })
	const statements = 20
	before := w.answered("acme")
	for range statements {
		if n, err := count(quiet, "SELECT count(*) FROM numbers"); err != nil || n != 10 {
			t.Fatal(n, err)
		}
	}
	// In the order of arrival it would have been 14 for each.
	if n := w.answered("acme") - before; n > 4*statements {
		t.Errorf("%d statements of the flood ended while %d of the quiet tenant did", n, statements)
	}
}

// Between two floods weights decide, and a changed weight does at once.
func TestWeights(t *testing.T) {
	w := newWorld(t, worldOptions{pool: pool.Config{Size: 2}})
	weigh := func(acme, globex float64) {
		w.gate.SetLimits(func(id policy.TenantID, user string) limit.Limits {
			if id == tenant("acme") {
				return limit.Limits{Weight: acme}
			}
			return limit.Limits{Weight: globex}
		})
	}
	weigh(4, 1)
	// The same number of clients each: in the order of arrival they would get one to one.
	defer w.flood("acme_app", 8, heavy)()
	defer w.flood("globex_app", 8, heavy)()
	ratio := func() float64 {
		acme, globex := w.answered("acme"), w.answered("globex")
		eventually(t, "statements to end", func() bool { return w.answered("acme")+w.answered("globex") >= acme+globex+100 })
		return float64(w.answered("acme")-acme) / float64(w.answered("globex")-globex)
	}
	ratio() // until both are there
	// A busy machine keeps the clients of one from asking for a while. By arrival no hundred statements would be divided so.
	eventually(t, "a hundred statements of which the one with the larger weight has two thirds", func() bool { return ratio() >= 2 })
	weigh(1, 4)
	ratio()
	eventually(t, "a hundred statements of which the other has two thirds", func() bool { return ratio() <= 0.5 })
}
