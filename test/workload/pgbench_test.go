package workload

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// contents are acme's rows of pgbench's tables but for the time in the history, and a digest of the other tenant's.
var contents = []string{
	"SELECT bid, bbalance FROM pgbench_branches WHERE tenant_id = 'acme' ORDER BY 1",
	"SELECT tid, bid, tbalance FROM pgbench_tellers WHERE tenant_id = 'acme' ORDER BY 1",
	"SELECT aid, bid, abalance FROM pgbench_accounts WHERE tenant_id = 'acme' AND abalance <> 0 ORDER BY 1",
	"SELECT tid, bid, aid, delta FROM pgbench_history WHERE tenant_id = 'acme' ORDER BY aid, delta, tid",
}

const others = `SELECT (SELECT count(*) || ',' || sum(bbalance) FROM pgbench_branches WHERE tenant_id <> 'acme') || ';' ||
  (SELECT count(*) || ',' || sum(tbalance) FROM pgbench_tellers WHERE tenant_id <> 'acme') || ';' ||
  (SELECT count(*) || ',' || sum(abalance) FROM pgbench_accounts WHERE tenant_id <> 'acme') || ';' || (SELECT count(*) FROM pgbench_history WHERE tenant_id <> 'acme')`

// TestPgbench runs the built-in scripts in every mode, with the same random numbers in both worlds.
func TestPgbench(t *testing.T) {
	w := running(t)
	pgbench, err := exec.LookPath("pgbench")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("needs pgbench")
	case err != nil:
		t.Skip("needs pgbench: not on this machine")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, script := range []string{"tpcb-like", "simple-update", "select-only"} {
		for _, mode := range []string{"simple", "extended", "prepared"} {
			for _, dsn := range []string{w.directDSN(), w.proxiedDSN()} {
				out, err := exec.CommandContext(ctx, pgbench, "-n", "-b", script, "-M", mode, "--random-seed=7", "-c", "1", "-t", "50", dsn).CombinedOutput()
				if err != nil {
					t.Fatalf("%s, %s: %v\n%s", script, mode, err, out)
				}
			}
		}
	}
	before := answer(t, superuser(t, w, shared), others)
	if !slices.Equal(before, []string{`["1,0;10,0;100000,0;0"]`}) {
		t.Errorf("the other tenant's rows have changed: %q", before)
	}
	for _, sql := range contents {
		want, got := answer(t, superuser(t, w, own), sql), answer(t, superuser(t, w, shared), sql)
		if len(want) == 0 || !slices.Equal(want, got) {
			t.Errorf("%s\n own world: %.300q\n shared: %.300q", sql, want, got)
		}
	}
}

func superuser(t *testing.T, w *world, database string) *pgx.Conn {
	t.Helper()
	return connect(t, w.pg.DSN("", database))
}
