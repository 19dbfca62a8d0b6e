package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/test/drivers/stack"
	"pgcordon/test/throwaway"
)

const (
	login    = "acme_app"
	password = "bench"
	database = "bench"
	// poolSize is how many server connections PgBouncer may open: enough for every client in session mode, a
	// customary number in transaction mode.
	sessionPoolSize     = 100
	transactionPoolSize = 20
)

// target is something that pgbench can connect to.
type target struct {
	name     string
	endpoint stack.Endpoint
	// process is nil for direct.
	process *stack.Process
	// noPrepared: named statements do not survive (PgBouncer before 1.21 in transaction mode).
	noPrepared bool
}

func (t target) speaks(mode string) bool { return mode != "prepared" || !t.noPrepared }

// world is one Postgres and everything in front of it.
type world struct {
	postgres *throwaway.Postgres
	dir      string
	targets  []target
}

func startWorld(ctx context.Context, o options) (*world, error) {
	pg, err := throwaway.Start(ctx, throwaway.Options{
		HBA:      []string{"host all " + login + " 127.0.0.1/32 scram-sha-256"},
		Settings: map[string]string{"shared_buffers": "256MB", "max_connections": "400", "max_wal_size": "4GB"},
	})
	if err != nil {
		return nil, err
	}
	w := &world{postgres: pg}
	if w.dir, err = os.MkdirTemp("", "pgcordon-bench-"); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	for _, step := range []func(context.Context, options) error{
		w.fill, w.addDirect, w.addRelay, w.addPgBouncers, w.addPgcordon,
	} {
		if err := step(ctx, o); err != nil {
			return nil, errors.Join(err, w.stop())
		}
	}
	return w, nil
}

func (w *world) stop() error {
	var errs []error
	for _, t := range w.targets {
		if t.process != nil {
			errs = append(errs, t.process.Stop())
		}
	}
	errs = append(errs, w.postgres.Stop())
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}

// tenantColumns gives pgbench's tables a tenant column. VACUUM FULL writes it into the rows, as in a table that was made with it.
var tenantColumns = []string{
	"ALTER TABLE pgbench_accounts ADD tenant_id text NOT NULL DEFAULT 'acme'",
	"ALTER TABLE pgbench_branches ADD tenant_id text NOT NULL DEFAULT 'acme'",
	"ALTER TABLE pgbench_tellers ADD tenant_id text NOT NULL DEFAULT 'acme'",
	"ALTER TABLE pgbench_history ADD tenant_id text NOT NULL DEFAULT 'acme'",
	"VACUUM FULL ANALYZE",
	"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + login + ", app_proxy",
}

// fill makes pgbench's tables. All targets work on the same ones.
func (w *world) fill(ctx context.Context, o options) error {
	for _, sql := range []string{
		"CREATE ROLE " + login + " LOGIN PASSWORD '" + password + "'", "CREATE ROLE app_proxy LOGIN", "CREATE DATABASE " + database,
	} {
		if err := w.postgres.Exec(ctx, "postgres", sql); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "filling pgbench's tables, scale %d\n", o.scale)
	initialise := exec.CommandContext(ctx, "pgbench", "-i", "-q", "-s", strconv.Itoa(o.scale), w.postgres.DSN("", database))
	if out, err := initialise.CombinedOutput(); err != nil {
		return fmt.Errorf("pgbench -i: %w\n%s", err, out)
	}
	for _, sql := range tenantColumns {
		if err := w.postgres.Exec(ctx, database, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (w *world) add(name string, port int, p *stack.Process, noPrepared bool) {
	w.targets = append(w.targets, target{
		name: name, process: p, noPrepared: noPrepared,
		endpoint: stack.Endpoint{Name: name, Host: "127.0.0.1", Port: port, Database: database, User: login, Password: password},
	})
}

func (w *world) addDirect(context.Context, options) error {
	w.add("direct", w.postgres.Port, nil, false)
	return nil
}

func (w *world) addRelay(ctx context.Context, _ options) error {
	binary := filepath.Join(w.dir, "relay")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "pgcordon/bench/relay").CombinedOutput(); err != nil {
		return fmt.Errorf("build the relay: %w\n%s", err, out)
	}
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	p, err := start(ctx, exec.Command(binary, "-listen", fmt.Sprintf("127.0.0.1:%d", port),
		"-target", fmt.Sprintf("127.0.0.1:%d", w.postgres.Port)), port)
	if err != nil {
		return err
	}
	w.add("relay", port, p, false)
	return nil
}

func start(ctx context.Context, cmd *exec.Cmd, port int) (*stack.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return stack.StartProcess(ctx, cmd, port)
}

const pgBouncerINI = `[databases]
bench = host=127.0.0.1 port=%d dbname=bench user=app_proxy
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 1000
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`

// addPgBouncers starts PgBouncer twice, when it is installed.
func (w *world) addPgBouncers(ctx context.Context, _ options) error {
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			fmt.Fprintln(os.Stderr, "PgBouncer is not installed: left out")
			return nil
		}
	}
	verifier, err := w.verifier(ctx)
	if err != nil {
		return err
	}
	// PgBouncer refuses to run as root, and has to read its files as whom it runs.
	if err := os.Chmod(w.dir, 0o755); err != nil {
		return err
	}
	users := filepath.Join(w.dir, "users.txt")
	if err := os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", login, verifier), 0o644); err != nil {
		return err
	}
	for _, pool := range []struct {
		mode string
		size int
	}{{"session", sessionPoolSize}, {"transaction", transactionPoolSize}} {
		port, err := stack.FreePort()
		if err != nil {
			return err
		}
		ini := filepath.Join(w.dir, "pgbouncer-"+pool.mode+".ini")
		text := fmt.Appendf(nil, pgBouncerINI, w.postgres.Port, port, users, pool.mode, pool.size)
		if err := os.WriteFile(ini, text, 0o644); err != nil {
			return err
		}
		cmd := exec.Command(binary, "-q", ini)
		if err := dropRoot(cmd); err != nil {
			return err
		}
		p, err := start(ctx, cmd, port)
		if err != nil {
			return err
		}
		w.add("pgbouncer-"+pool.mode, port, p, pool.mode == "transaction")
	}
	return nil
}

func dropRoot(cmd *exec.Cmd) error {
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return nil
}

// verifier returns what Postgres keeps of the login's password, so that everybody checks the same.
func (w *world) verifier(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, w.postgres.DSN("", "postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var v string
	err = conn.QueryRow(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", login).Scan(&v)
	return v, err
}

const policyYAML = `
tenant: {column: tenant_id, type: text}
tables:
  - {match: "public.*", scope: tenant}
`

// The limits are on and never reached: what they cost is part of the measurement.
const configYAML = `
listen:
  - address: 127.0.0.1:%%d
upstream:
  dsn: %s
  default_pool_size: 300
policy_file: policy.yaml
users:
  - {name: %s, tenant: acme, scram: %q}
limits:
  defaults: {connections: 1000, statements_per_second: 10000000, burst: 10000000, wait: 1s, rows_per_statement: 100000000, statement_timeout: 60s}
admin: {address: 127.0.0.1:%d}
`

func (w *world) addPgcordon(ctx context.Context, _ options) error {
	binary, err := stack.Build(ctx, w.dir)
	if err != nil {
		return err
	}
	verifier, err := w.verifier(ctx)
	if err != nil {
		return err
	}
	admin, err := stack.FreePort()
	if err != nil {
		return err
	}
	config := fmt.Sprintf(configYAML, w.postgres.DSN("app_proxy", database), login, verifier, admin)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p, err := stack.Serve(ctx, binary, w.dir, config, policyYAML)
	if err != nil {
		return err
	}
	w.add("pgcordon", p.Port, p, false)
	return nil
}
