package stand

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/bench/report"
	"pgcordon/test/drivers/stack"
)

// startTimeout is how long a proxy may take to listen. A policy of 1,000 tables and 100,000 tenants is read and bound before.
const startTimeout = time.Minute

func (s *Stand) wanted(name string) bool {
	return len(s.opts.Targets) == 0 || slices.Contains(s.opts.Targets, name)
}

// Start adds the targets. The tables must be there, and published.
func (s *Stand) Start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.addDirect, s.addRelay, s.addPgBouncers, s.addPgcordons} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dedicated is how many clients can have a connection each.
func (s *Stand) dedicated() int { return min(s.opts.Clients, s.Room-2) }

func (s *Stand) addDirect(context.Context) error {
	if s.wanted(report.Direct) {
		s.Targets = append(s.Targets, s.Direct())
	}
	return nil
}

// clientDSN is how to log in at a proxy.
func (s *Stand) clientDSN(port int, login string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s sslmode=disable", port, s.database, login)
}

func (s *Stand) start(ctx context.Context, cmd *exec.Cmd, port int) (*stack.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return stack.StartProcess(ctx, cmd, port)
}

// addRelay has the program itself forward bytes; its clients log in at the server, so they are the direct target's.
func (s *Stand) addRelay(ctx context.Context) error {
	if !s.wanted(report.Relay) {
		return nil
	}
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	network, address := pgconn.NetworkAddress(s.config.Host, s.config.Port)
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p, err := s.start(ctx, exec.Command(s.opts.Program, "bench", "relay", "--listen", listen, "--network", network, "--to", address), port)
	if err != nil {
		return err
	}
	behind := *s.config
	behind.Host, behind.Port = "127.0.0.1", uint16(port)
	s.Targets = append(s.Targets, &Target{Name: report.Relay, DSN: keywords(&behind), Password: s.config.Password, Connections: s.dedicated(), process: p})
	return nil
}

const pgBouncerINI = `[databases]
%s = %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 12000
server_idle_timeout = %d
server_tls_sslmode = %s
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`

// addPgBouncers starts PgBouncer twice, when it is installed.
func (s *Stand) addPgBouncers(ctx context.Context) error {
	modes := []string{}
	for mode, name := range map[string]string{"session": report.BouncerSession, "transaction": report.BouncerTransaction} {
		if s.wanted(name) {
			modes = append(modes, mode)
		}
	}
	slices.Sort(modes)
	if len(modes) == 0 {
		return nil
	}
	binary, version, err := s.findPgBouncer(ctx)
	if err != nil {
		s.Absent[report.BouncerSession], s.Absent[report.BouncerTransaction] = err.Error(), err.Error()
		return nil
	}
	s.Versions = append(s.Versions, "PgBouncer "+version)
	users := filepath.Join(s.dir, "users.txt")
	passwords := fmt.Sprintf("%s %s\n%s %s\n", doubleQuoted(Login), doubleQuoted(s.verifier), doubleQuoted(s.config.User), doubleQuoted(s.config.Password))
	if err := writeForPgBouncer(users, passwords); err != nil {
		return err
	}
	for _, mode := range modes {
		if err := s.addPgBouncer(ctx, binary, version, mode, users); err != nil {
			return fmt.Errorf("PgBouncer: %w", err)
		}
	}
	return nil
}

func (s *Stand) findPgBouncer(ctx context.Context) (binary, version string, err error) {
	for _, name := range []string{s.opts.PgBouncer, "pgbouncer", "/usr/sbin/pgbouncer"} {
		if name == "" {
			continue
		}
		if binary, err = exec.LookPath(name); err == nil {
			break
		}
		if s.opts.PgBouncer != "" {
			return "", "", err
		}
	}
	if err != nil {
		return "", "", errors.New("PgBouncer is not installed")
	}
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("%s --version: %w", binary, err)
	}
	words := strings.Fields(string(out))
	if len(words) < 2 {
		return "", "", fmt.Errorf("%s --version says %q", binary, out)
	}
	return binary, words[1], nil
}

// preparesInTransactions reports whether a version of PgBouncer keeps named statements in transaction mode: since 1.21.
func preparesInTransactions(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 1 || major == 1 && minor >= 21
}

func (s *Stand) addPgBouncer(ctx context.Context, binary, version, mode, users string) error {
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	name, size, idle, tls := report.BouncerSession, s.dedicated(), sessionIdleSeconds, "disable"
	if mode == "transaction" {
		name, size, idle = report.BouncerTransaction, s.opts.PoolSize, sharedIdleSeconds
	}
	if s.config.TLSConfig != nil {
		tls = "require"
	}
	doubled := func(v string) string { return "'" + strings.ReplaceAll(v, "'", "''") + "'" }
	upstream := fmt.Sprintf("host=%s port=%d dbname=%s user=%s", doubled(s.config.Host), s.config.Port, s.database, doubled(s.config.User))
	text := fmt.Sprintf(pgBouncerINI, s.database, upstream, port, users, mode, size, idle, tls)
	prepares := preparesInTransactions(version)
	if prepares {
		text += "max_prepared_statements = 200\n"
	}
	ini := filepath.Join(s.dir, "pgbouncer-"+mode+".ini")
	if err := writeForPgBouncer(ini, text); err != nil {
		return err
	}
	// PgBouncer, as every child, has the limit on open files that this process was started with.
	cmd := exec.Command("/bin/sh", "-c", `ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"`, binary, "-q", ini)
	cred, err := unprivileged()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	p, err := s.start(ctx, cmd, port)
	if err != nil {
		return err
	}
	s.Targets = append(s.Targets, &Target{Name: name, DSN: s.clientDSN(port, Login), Password: Password, Connections: size,
		Shares: mode == "transaction", NoPrepared: mode == "transaction" && !prepares, process: p})
	return nil
}

// Connections that nobody uses any more are closed soon where each client had one: the server's room is for the next target.
const (
	sessionIdleSeconds = 2
	sharedIdleSeconds  = 600
)

// doubleQuoted is how PgBouncer's list of users quotes.
func doubleQuoted(v string) string { return `"` + strings.ReplaceAll(v, `"`, `""`) + `"` }

// writeForPgBouncer writes a file that only it can read: the server's password is in it.
func writeForPgBouncer(file, text string) error {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	cred, err := unprivileged()
	if err != nil || cred == nil {
		return err
	}
	return os.Chown(file, int(cred.Uid), int(cred.Gid))
}

// unprivileged is whom PgBouncer runs as, which refuses to run as root; nil: the current user.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
