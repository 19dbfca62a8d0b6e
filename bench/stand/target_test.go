package stand

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestCPUOfAProgramWithAnOddName(t *testing.T) {
	got, err := cpuOf("4711 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 5 0 1 1 1")
	if err != nil || got != 4*time.Second {
		t.Errorf("got %v, %v, want 4s", got, err)
	}
}

func TestResident(t *testing.T) {
	if got := residentOf("Name:\tpgcordon\nVmPeak:\t  200 kB\nVmRSS:\t   1024 kB\nThreads:\t9\n"); got != 1<<20 {
		t.Errorf("got %d, want %d", got, 1<<20)
	}
}

func TestPgBouncerVersions(t *testing.T) {
	for version, want := range map[string]bool{"1.18.0": false, "1.20.1": false, "1.21.0": true, "1.25.0": true, "2.0": true, "x": false} {
		if got := preparesInTransactions(version); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

// What a target's connection string says is what the driver reads.
func TestConnString(t *testing.T) {
	config, err := pgconn.ParseConfig(`postgres://x@h:1/d?sslmode=disable`)
	if err != nil {
		t.Fatal(err)
	}
	config.Host, config.User, config.Password = "/run/pg", `o'b\c`, `p '"\`
	target := Target{DSN: keywords(config), Password: config.Password, Tenants: 5}
	got, err := pgconn.ParseConfig(target.ConnString(3))
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != config.Host || got.Port != 1 || got.User != config.User || got.Password != config.Password || got.Database != "d" || got.TLSConfig != nil {
		t.Errorf("%s is read as %+v", target.ConnString(3), got)
	}
	if options := got.RuntimeParams["options"]; options != "-c pgcordon.tenant=t3" {
		t.Errorf("options %q", options)
	}
}
