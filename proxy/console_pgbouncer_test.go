package proxy_test

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// columnsOf125 are the columns of PgBouncer 1.25 (its manual, "Admin console", and what it sends).
var columnsOf125 = map[string]string{
	"VERSION": "version",
	"STATE":   "key value",
	"POOLS": "database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait " +
		"maxwait_us pool_mode load_balance_hosts",
	"CLIENTS": "type user database replication state addr port local_addr local_port connect_time request_time wait wait_us close_needed ptr link remote_pid tls application_name " +
		"prepared_statements id",
	"SERVERS": "type user database replication state addr port local_addr local_port connect_time request_time wait wait_us close_needed ptr link remote_pid tls application_name " +
		"prepared_statements id",
	"DATABASES": "name host port database force_user pool_size min_pool_size reserve_pool_size server_lifetime pool_mode load_balance_hosts max_connections current_connections " +
		"max_client_connections current_client_connections paused disabled",
	"USERS":  "name pool_size reserve_pool_size pool_mode max_user_connections current_connections max_user_client_connections current_client_connections",
	"CONFIG": "key value default changeable",
	"LISTS":  "list items",
	"STATS": "database total_server_assignment_count total_xact_count total_query_count total_received total_sent total_xact_time total_query_time total_wait_time " +
		"total_client_parse_count total_server_parse_count total_bind_count avg_server_assignment_count avg_xact_count avg_query_count avg_recv avg_sent avg_xact_time avg_query_time " +
		"avg_wait_time avg_client_parse_count avg_server_parse_count avg_bind_count",
	"STATS_TOTALS": "database server_assignment_count xact_count query_count bytes_received bytes_sent xact_time query_time wait_time client_parse_count server_parse_count bind_count",
	"STATS_AVERAGES": "database server_assignment_count xact_count query_count bytes_received bytes_sent xact_time query_time wait_time client_parse_count server_parse_count " +
		"bind_count",
	"TOTALS": "name value",
}

// described returns the columns of a view with their types, and the values of its first column.
func described(t *testing.T, conn *pgconn.PgConn, view string) (names []string, types map[string]uint32, first []string) {
	t.Helper()
	types = map[string]uint32{}
	results := conn.Exec(context.Background(), "SHOW "+view)
	for results.NextResult() {
		r := results.ResultReader()
		for _, f := range r.FieldDescriptions() {
			names = append(names, f.Name)
			types[f.Name] = f.DataTypeOID
		}
		for r.NextRow() {
			first = append(first, string(r.Values()[0]))
		}
		tag, err := r.Close()
		must(t, err)
		if tag.String() != "SHOW" {
			t.Errorf("SHOW %s ends with %q", view, tag)
		}
	}
	must(t, results.Close())
	return names, types, first
}

func TestConsoleColumnsAreThoseOfPgBouncer125(t *testing.T) {
	w := newConsoleWorld(t, worldOptions{})
	conn := w.admin("watcher", "pgbouncer").PgConn()
	for view, want := range columnsOf125 {
		names, _, _ := described(t, conn, view)
		if got := strings.Join(names, " "); got != want && !strings.HasPrefix(got, want+" ") {
			t.Errorf("SHOW %s has the columns\n%s\nPgBouncer\n%s", view, got, want)
		}
	}
}

// Each column, list and total that the PgBouncer of this machine has is here, with the same type.
func TestConsoleHasWhatPgBouncerHas(t *testing.T) {
	bouncer := startPgBouncer(t)
	w := newConsoleWorld(t, worldOptions{})
	conn := w.admin("watcher", "pgbouncer").PgConn()
	for view := range columnsOf125 {
		if view == "STATE" { // not in old versions
			continue
		}
		names, types, first := described(t, bouncer, view)
		if len(names) == 0 {
			t.Errorf("PgBouncer's SHOW %s has no columns", view)
		}
		_, ours, ourFirst := described(t, conn, view)
		for _, name := range names {
			if got, ok := ours[name]; !ok || got != types[name] {
				t.Errorf("SHOW %s: column %s of type %d is %d", view, name, types[name], got)
			}
		}
		if view == "LISTS" || view == "TOTALS" {
			for _, name := range first {
				if !slices.Contains(ourFirst, name) {
					t.Errorf("SHOW %s has no %s", view, name)
				}
			}
		}
	}
}

// startPgBouncer starts PgBouncer, which ends with the test, and connects to its console.
func startPgBouncer(t *testing.T) *pgconn.PgConn {
	t.Helper()
	binary, err := osexec.LookPath("pgbouncer")
	if err != nil {
		if binary, err = osexec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal("scripts/setup has not installed PgBouncer")
			}
			t.Skip("needs PgBouncer: not on this machine")
		}
	}
	dir, err := os.MkdirTemp("", "pgbouncer") // t.TempDir lies in a directory that only the user of the test may enter
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ini, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users.txt")
	must(t, os.WriteFile(users, []byte(`"watcher" ""`), 0o644))
	must(t, os.WriteFile(ini, fmt.Appendf(nil, "[databases]\napp = host=%s\n[pgbouncer]\nlisten_port = 6432\nunix_socket_dir = %s\nauth_type = trust\nauth_file = %s\nstats_users = watcher\n",
		dir, dir, users), 0o644))
	cmd := osexec.Command(binary, "-q", ini)
	if os.Getuid() == 0 { // PgBouncer refuses to be root
		nobody, err := user.Lookup("nobody")
		must(t, err)
		uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
		must(t, err)
		gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
		must(t, err)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		must(t, os.Chown(dir, int(uid), int(gid)))
	}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	var conn *pgconn.PgConn
	eventually(t, "PgBouncer", func() bool {
		conn, err = pgconn.Connect(context.Background(), fmt.Sprintf("host=%s port=6432 user=watcher dbname=pgbouncer", dir))
		return err == nil
	})
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
