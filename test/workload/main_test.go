package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pgcordon/proxy/auth"
	"pgcordon/test/drivers/stack"
	"pgcordon/test/throwaway"
)

// The databases: shared holds the rows of every tenant, own those of acme.
const (
	shared   = "shared"
	own      = "own"
	password = "acme"
)

const policyYAML = `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.region, scope: global}
  - {match: public.nation, scope: global}
  - {match: "public.*", scope: tenant}
`

const configYAML = `
listen:
  - address: 127.0.0.1:%%d
upstream:
  dsn: %s
policy_file: policy.yaml
users:
  - {name: acme_app, tenant: acme, scram: %q}
`

// world is a Postgres with both databases, and the proxy in front of the shared one.
type world struct {
	pg    *throwaway.Postgres
	proxy *stack.Process
}

// worlds is nil when the machine has no Postgres.
var worlds *world

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "pgcordon-workload-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	worlds, err = start(ctx, dir)
	switch {
	case errors.Is(err, throwaway.ErrNotInstalled) && os.Getenv("CI") != "true":
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	default:
		defer worlds.pg.Stop()
		defer worlds.proxy.Stop()
	}
	return m.Run()
}

func start(ctx context.Context, dir string) (w *world, err error) {
	pg, err := throwaway.Start(ctx, throwaway.Options{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, pg.Stop())
		}
	}()
	var schema string
	for _, file := range []string{"testdata/tpch.sql", "testdata/pgbench.sql"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		schema += string(text)
	}
	for _, step := range []struct{ database, sql string }{
		{"postgres", "CREATE ROLE app_proxy LOGIN; CREATE ROLE acme_app LOGIN"},
		{"postgres", "CREATE DATABASE " + shared},
		{shared, schema + "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_proxy, acme_app"},
		{"postgres", "CREATE DATABASE " + own + " TEMPLATE " + shared},
		{own, keepAcme},
		{shared, "ANALYZE"},
		{own, "ANALYZE"},
	} {
		if err := pg.Exec(ctx, step.database, step.sql); err != nil {
			return nil, fmt.Errorf("preparing database %s: %w", step.database, err)
		}
	}
	binary, err := stack.Build(ctx, dir)
	if err != nil {
		return nil, err
	}
	verifier, err := auth.MakeVerifier(password, auth.MinIterations)
	if err != nil {
		return nil, err
	}
	proxy, err := stack.Serve(ctx, binary, dir, fmt.Sprintf(configYAML, pg.DSN("app_proxy", shared), verifier.Text()), policyYAML)
	if err != nil {
		return nil, err
	}
	return &world{pg: pg, proxy: proxy}, nil
}

// keepAcme makes a copy of the shared database acme's own.
const keepAcme = `DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id' LOOP
    EXECUTE format('DELETE FROM %I WHERE tenant_id <> ''acme''', t);
    EXECUTE format('ALTER TABLE %I ALTER tenant_id SET DEFAULT ''acme''', t);
  END LOOP;
END $$`

// directDSN and proxiedDSN are acme's, in its own world and through the proxy.
func (w *world) directDSN() string { return w.pg.DSN("acme_app", own) }

func (w *world) proxiedDSN() string {
	return fmt.Sprintf("postgres://acme_app:%s@127.0.0.1:%d/%s?sslmode=disable", password, w.proxy.Port, shared)
}

// running skips the test when there is no Postgres.
func running(t *testing.T) *world {
	t.Helper()
	if worlds == nil {
		t.Skip("needs Postgres: not on this machine")
	}
	return worlds
}
