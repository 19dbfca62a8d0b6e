package throwawaytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"pgcordon/test/throwaway"
)

var shared = sync.OnceValues(func() (*throwaway.Postgres, error) {
	return throwaway.Start(context.Background(), throwaway.Options{})
})

// ForTest returns the test binary's one server, started by the first call; it ends with the test binary, also when that
// panics or is killed. Without Postgres on the machine the test is skipped, or fails when CI=true.
func ForTest(t testing.TB) *throwaway.Postgres {
	t.Helper()
	pg, err := shared()
	require(t, err)
	return pg
}

// Start starts a server for this test alone, for tests that restart or configure it.
func Start(t testing.TB, opts throwaway.Options) *throwaway.Postgres {
	t.Helper()
	pg, err := throwaway.Start(context.Background(), opts)
	require(t, err)
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Errorf("stopping Postgres: %v", err)
		}
	})
	return pg
}

func require(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, throwaway.ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skipf("needs Postgres: %v", err)
	default:
		t.Fatalf("starting Postgres: %v", err)
	}
}

var databases atomic.Int64

// Database creates a database, runs sql in it as superuser, and drops it when the test ends. It returns its name.
func Database(t testing.TB, pg *throwaway.Postgres, sql string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	ctx := context.Background()
	if err := pg.Exec(ctx, "postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() {
		if err := pg.Exec(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("dropping %s: %v", name, err)
		}
	})
	if err := pg.Exec(ctx, name, sql); err != nil {
		t.Fatalf("preparing the database: %v", err)
	}
	return name
}
