package proxy_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// What was done on one database stands in its row alone, also when its sessions have ended, and the sum is that of the rows.
func TestConsoleCountsPerDatabase(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	ctx := context.Background()
	dsn, _ := w.own("", "app_proxy")
	cfg, err := pgconn.ParseConfig(dsn)
	must(t, err)
	own, err := pgconn.Connect(ctx, dsn)
	must(t, err)
	shared, watcher := w.connect(), w.admin("watcher", "pgcordon")
	for range 2 {
		must(t, shared.Ping(ctx))
	}
	for range 3 {
		_, err := own.Exec(ctx, "SELECT 1").ReadAll()
		must(t, err)
	}
	must(t, own.ExecParams(ctx, "SELECT $1::text", [][]byte{[]byte("x")}, nil, nil, nil).Read().Err)

	rows := func() (databases []string, figures [][]string) {
		for _, row := range simply(t, watcher, "SHOW STATS_TOTALS") {
			cells := strings.Split(row, "|")
			databases, figures = append(databases, cells[0]), append(figures, cells[1:])
		}
		return databases, figures
	}
	// transactions and statements; parses of the client's and the server's, binds
	whole := func(f []string) string { return strings.Join(append(f[1:3:3], f[8:]...), " ") }
	eventually(t, "what was done", func() bool {
		databases, figures := rows()
		return slices.Equal(databases, []string{w.database, cfg.Database, "pgbouncer"}) && whole(figures[1]) == "4 4 1 1 1"
	})
	must(t, own.Close(ctx))
	must(t, shared.Close(ctx))
	eventually(t, "the end of the clients", func() bool { return len(simply(t, watcher, "SHOW CLIENTS")) == 0 })
	_, figures := rows()
	for i, want := range []string{"2 2 0 0 0", "4 4 1 1 1", "0 0 0 0 0"} {
		if got := whole(figures[i]); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
	if figures[1][0] != "1" {
		t.Errorf("the server was assigned %s times to the one client of the tenant's own", figures[1][0])
	}
	for i, total := range simply(t, watcher, "SHOW TOTALS")[:len(figures[0])] {
		sum := 0
		for _, f := range figures {
			n, err := strconv.Atoi(f[i])
			must(t, err)
			sum += n
		}
		if !strings.HasSuffix(total, "|"+strconv.Itoa(sum)) {
			t.Errorf("the rows' sum is %d, TOTALS has %s", sum, total)
		}
	}
}
