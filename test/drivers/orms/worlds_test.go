package orms

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pgcordon/test/drivers/stack"
	"pgcordon/test/throwaway"
)

// direct and proxied are the two worlds; server is nil when the machine has no Postgres, and then every test is skipped.
var (
	server          *stack.Stack
	direct, proxied stack.Endpoint
)

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	stop, err := start(ctx)
	if stop != nil {
		defer stop()
	}
	if err != nil && (!errors.Is(err, throwaway.ErrNotInstalled) || os.Getenv("CI") == "true") {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// start makes the library's databases beside those of the driver tests, and starts a pgcordon in front of the shared one.
func start(ctx context.Context) (stop func(), err error) {
	texts := map[string]string{}
	for _, name := range []string{"../schema.sql", "testdata/schema.sql", "testdata/own.sql", "testdata/policy.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	server, err = stack.Start(ctx, texts["../schema.sql"])
	if err != nil {
		return nil, err
	}
	stop = func() { server.Stop() }
	for _, step := range []struct{ database, sql string }{
		{"postgres", "CREATE DATABASE library"},
		{"library", texts["testdata/schema.sql"]},
		{"postgres", "CREATE DATABASE library_own TEMPLATE library"},
		{"library_own", texts["testdata/own.sql"]},
	} {
		if err := server.Postgres.Exec(ctx, step.database, step.sql); err != nil {
			return stop, fmt.Errorf("preparing database %s: %w", step.database, err)
		}
	}
	dir, err := os.MkdirTemp("", "pgcordon-library-")
	if err != nil {
		return stop, err
	}
	proxy, err := server.ServeIn(ctx, dir, "library", texts["testdata/policy.yaml"])
	if err != nil {
		return stop, errors.Join(err, os.RemoveAll(dir))
	}
	direct, proxied = server.Direct, server.Proxied
	direct.Database, proxied.Database, proxied.Port = "library_own", "library", proxy.Port
	return func() {
		proxy.Stop()
		os.RemoveAll(dir)
		server.Stop()
	}, nil
}

func needWorlds(t *testing.T) {
	t.Helper()
	if server != nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("needs Postgres")
	}
	t.Skip("needs Postgres: not on this machine")
}
