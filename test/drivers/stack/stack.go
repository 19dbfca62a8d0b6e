package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/throwaway"
)

// The logins of the two tenants, the same in Postgres and in pgcordon.
const (
	User          = "acme_app"
	Password      = "päss wörd/1"
	OtherUser     = "globex_app"
	OtherPassword = "other"
)

// toOwn turns the shared database's contents into what acme would have alone.
const toOwn = `
DELETE FROM orders WHERE tenant_id <> 'acme';
DELETE FROM customers WHERE tenant_id <> 'acme';
ALTER TABLE customers ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE orders ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE samples ALTER tenant_id SET DEFAULT 'acme';
REVOKE ALL ON secrets FROM PUBLIC, acme_app`

const roles = `
CREATE ROLE acme_app LOGIN PASSWORD '` + Password + `';
CREATE ROLE globex_app LOGIN PASSWORD '` + OtherPassword + `';
CREATE ROLE app_proxy LOGIN`

const grants = `
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO acme_app, globex_app, app_proxy;
GRANT SELECT ON countries TO acme_app;
REVOKE INSERT, UPDATE, DELETE ON countries FROM acme_app;
`

const policyYAML = `
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.countries, scope: global}
  - {match: public.secrets, scope: denied}
  - {match: "public.*", scope: tenant}
`

const configYAML = `
listen:
  - address: 127.0.0.1:%%d
    tls: {cert_file: server.crt, key_file: server.key, required: false}
upstream:
  dsn: %s
  %s
databases:
  - {tenancy: database, name: own, tenant: acme, upstream: {dsn: %q}}
policy_file: policy.yaml
users:
  - {name: acme_app, tenant: acme, scram: %q%s}
  - {name: globex_app, tenant: globex, scram: %q}
`

// poolYAML has clients take turns on two connections, and get others only where they keep them; with PGCORDON_POOL_MODE=session each has its own.
func poolYAML() string {
	if os.Getenv("PGCORDON_POOL_MODE") == "session" {
		return "pool_mode: session\n  default_pool_size: 100"
	}
	return "default_pool_size: 2\n  reserve_pool_size: 98\n  reserve_pool_timeout: 100ms"
}

// Stack is both worlds, running.
type Stack struct {
	Postgres *throwaway.Postgres
	// Direct is the oracle: Postgres itself, with acme's rows alone.
	Direct Endpoint
	// Proxied is the shared database behind pgcordon.
	Proxied Endpoint
	// Owned is a copy of what Direct has, in a database that belongs to acme whole, behind pgcordon.
	Owned Endpoint
	// Proxy is the pgcordon process.
	Proxy *Process

	dir string
}

// Start makes both worlds from the schema. The error is throwaway.ErrNotInstalled when there is no Postgres to start.
func Start(ctx context.Context, schema string) (*Stack, error) {
	pg, err := throwaway.Start(ctx, throwaway.Options{HBA: []string{
		"host all postgres,app_proxy 127.0.0.1/32 trust",
		"host all all 127.0.0.1/32 scram-sha-256",
	}})
	if err != nil {
		return nil, err
	}
	s := &Stack{Postgres: pg}
	if s.dir, err = os.MkdirTemp("", "pgcordon-stack-"); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.prepare(ctx, schema); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.Direct = Endpoint{Name: "direct", Host: pg.Host, Port: pg.Port, Database: "own", User: User, Password: Password}
	if err := s.serve(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.Proxied = Endpoint{
		Name: "pgcordon", Host: "127.0.0.1", Port: s.Proxy.Port, Database: "shop", User: User, Password: Password,
	}
	s.Owned = s.Proxied
	s.Owned.Name, s.Owned.Database = "pgcordon on an own database", "own"
	return s, nil
}

// prepare makes roles and databases, and a certificate for both servers.
func (s *Stack) prepare(ctx context.Context, schema string) error {
	for _, step := range []struct{ database, sql string }{
		{"postgres", roles},
		{"postgres", "CREATE DATABASE shop"},
		{"shop", schema + ";" + grants},
		{"postgres", "CREATE DATABASE own TEMPLATE shop"},
		{"own", toOwn},
		{"postgres", "CREATE DATABASE own_too TEMPLATE own"},
	} {
		if err := s.Postgres.Exec(ctx, step.database, step.sql); err != nil {
			return fmt.Errorf("preparing database %s: %w", step.database, err)
		}
	}
	return s.certify(ctx)
}

func (s *Stack) certify(ctx context.Context) error {
	cert, key, err := selfSigned()
	if err != nil {
		return err
	}
	data, err := s.query(ctx, "SHOW data_directory")
	if err != nil {
		return err
	}
	info, err := os.Stat(data)
	if err != nil {
		return err
	}
	for _, dir := range []string{s.dir, data} {
		for name, content := range map[string][]byte{"server.crt": cert, "server.key": key} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				return err
			}
		}
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("no owner of the data directory")
	}
	for _, name := range []string{"server.crt", "server.key"} {
		if err := os.Chown(filepath.Join(data, name), int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	for _, sql := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		if err := s.Postgres.Exec(ctx, "postgres", sql); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) serve(ctx context.Context) error {
	if _, err := Build(ctx, s.dir); err != nil {
		return err
	}
	var err error
	s.Proxy, err = s.ServeIn(ctx, s.dir, "shop", policyYAML)
	return err
}

// ServeIn starts pgcordon with its files in dir, in front of a database and with a policy, for the same logins. The caller ends it.
func (s *Stack) ServeIn(ctx context.Context, dir, database, policy string) (*Process, error) {
	return s.ServeRole(ctx, dir, database, policy, "")
}

// ServeRole is ServeIn with a role of the policy for acme's login; empty for none.
func (s *Stack) ServeRole(ctx context.Context, dir, database, policy, role string) (*Process, error) {
	if role != "" {
		role = ", role: " + role
	}
	// Both servers check the very same verifiers.
	const verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = $1"
	acme, err := s.query(ctx, verifier, User)
	if err != nil {
		return nil, err
	}
	globex, err := s.query(ctx, verifier, OtherUser)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"server.crt", "server.key"} {
		content, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	own := Endpoint{Host: s.Postgres.Host, Port: s.Postgres.Port, Database: "own_too", User: User, Password: Password}
	config := fmt.Sprintf(configYAML, s.Postgres.DSN("app_proxy", database), poolYAML(), strings.ReplaceAll(own.URL(), "%", "%%"), acme, role, globex)
	return Serve(ctx, filepath.Join(s.dir, "pgcordon"), dir, config, policy)
}

// query returns the one text value that the superuser's query yields.
func (s *Stack) query(ctx context.Context, sql string, args ...any) (string, error) {
	conn, err := pgx.Connect(ctx, s.Postgres.DSN("", "postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var value string
	err = conn.QueryRow(ctx, sql, args...).Scan(&value)
	return value, err
}

// Stop ends the proxy and the server, and removes their files.
func (s *Stack) Stop() error {
	var errs []error
	if s.Proxy != nil {
		errs = append(errs, s.Proxy.Stop())
	}
	errs = append(errs, s.Postgres.Stop())
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
