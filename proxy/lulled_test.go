package proxy_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A Sync ends what an Execute has begun, also when there was a Query in between, whose ReadyForQuery may speak of a transaction.
func TestSyncBehindQuery(t *testing.T) {
	w := newWorld(t, worldOptions{})
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, w.pg.DSN("", w.database))
	must(t, err)
	defer admin.Close(ctx)
	insert := messages{parse("", "INSERT INTO orders (id) VALUES (90)"), bind("", ""), exec("", 0)}
	for name, groups := range map[string][]messages{ // each group is sent when the one before has been answered
		"one statement":       {{query("SELECT 1"), sync_}},
		"several":             {{query("SELECT 1; SELECT 2"), sync_}},
		"two queries":         {{query("SELECT 1"), query("SELECT 2"), sync_}},
		"an extended one":     {{query("SELECT 1"), parse("", "SELECT 2"), bind("", ""), exec("", 0), sync_}},
		"one that fails":      {{query("SELECT 1 / 0"), sync_}},
		"a wait for the Sync": {{query("SELECT 1")}, {sync_}},
	} {
		c := dialRaw(t, w.dsn())
		send := insert
		for _, g := range groups {
			readies := 0
			for _, m := range g {
				switch m.(type) {
				case *pgproto3.Query, *pgproto3.Sync:
					readies++
				}
			}
			c.say(readies, append(slices.Clone(send), g...)...)
			send = nil
		}
		var n, open int
		must(t, admin.QueryRow(ctx, "SELECT count(*) FROM orders WHERE id = 90").Scan(&n))
		must(t, admin.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'").Scan(&open))
		want := 1
		if name == "one that fails" {
			want = 0
		}
		heard := c.say(1, query("SELECT 3"))
		if n != want || open > 0 || heard[len(heard)-1] != "Ready I" || slices.Index(heard, "CommandComplete SELECT 1") < 0 {
			t.Errorf("%s: %d rows, %d open, then %q", name, n, open, heard)
		}
		_, err = admin.Exec(ctx, "DELETE FROM orders WHERE id = 90")
		must(t, err)
	}
}
