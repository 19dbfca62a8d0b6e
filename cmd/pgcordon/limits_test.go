package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/proxy/limit"
	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// TestEachLimit reads the table of limits in docs/limits.md, and has each of them reached by a driver: as a tenant's and, where it can be one, as a
// user's, set in the defaults, in a plan and for the one alone, refused at once and, where it waits, in vain and not. The error must be what the
// table says, and the session must go on when a reload has lifted the limit.
func TestEachLimit(t *testing.T) {
	rows := limitRowsOfThePage(t)
	var listed []string
	stage := newLimitStage(t)
	for _, row := range rows {
		listed = append(listed, row.key)
		trial, ok := limitTrials[row.key]
		if !ok {
			t.Errorf("%s: docs/limits.md has it, and nothing here reaches it", row.key)
			continue
		}
		if (trial.waits != nil) != row.waits {
			t.Errorf("%s: docs/limits.md says that it waits: %v", row.key, row.waits)
		}
		for _, own := range []bool{false, true} {
			if own && trial.sharedOnly {
				continue
			}
			for _, user := range []bool{false, true} {
				for _, manner := range []string{"reject", "wait in vain", "wait"} {
					if user && !row.users || manner != "reject" && !row.waits {
						continue
					}
					where := "shared database"
					if own {
						where = "own database"
					}
					whose := "tenant"
					if user {
						whose = "user"
					}
					t.Run(strings.Join([]string{row.key, whose, manner, where}, "/"), func(t *testing.T) {
						(&limitCase{stage: stage, row: row, trial: trial, user: user, own: own, manner: manner}).run(t)
					})
				}
			}
		}
	}
	for key := range limitTrials {
		if !slices.Contains(listed, key) {
			t.Errorf("%s is not in the table of docs/limits.md", key)
		}
	}
	for _, name := range limit.Names() {
		if !slices.Contains(listed, name) {
			t.Errorf("the limit %s is not in the table of docs/limits.md", name)
		}
	}
}

// limitRow is one limit of the table.
type limitRow struct {
	key, sqlState string
	users, waits  bool
}

func limitRowsOfThePage(t *testing.T) (rows []limitRow) {
	t.Helper()
	page, err := os.ReadFile("../../docs/limits.md")
	ok(t, err)
	_, table, found := strings.Cut(string(page), "## Each limit\n")
	if !found {
		t.Fatal("docs/limits.md has no table of limits")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[1], "`") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		for _, key := range strings.Split(cells[1], ",") {
			rows = append(rows, limitRow{key: strings.Trim(strings.TrimSpace(key), "`"), sqlState: cells[3], users: cells[4] == "yes", waits: cells[5] == "yes"})
		}
	}
	return rows
}

// limitStage is what all trials have in common: a shared database, and one for each tenant.
type limitStage struct {
	pg     *throwaway.Postgres
	shared string
	// prefix is that of the tenants' own databases and roles, before the tenant.
	prefix string
}

// The tenants of a trial: what a limit is set in that holds for them.
var limitTenants = []string{"plain", "planned", "special"}

const (
	// limitItems is how many rows each tenant has.
	limitItems = 20
	// endless takes longer than any limit, and little else.
	endless = "SELECT count(*) FROM items a, items b, items c, items d, items e, items f, items g, items h, items i"
	// plenty returns 8000 rows.
	plenty = "SELECT a.id FROM items a, items b, items c"
)

func newLimitStage(t *testing.T) *limitStage {
	t.Helper()
	pg := throwawaytest.ForTest(t)
	s := &limitStage{pg: pg, prefix: "limits_"}
	s.shared = throwawaytest.Database(t, pg, `
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'limits_app') THEN CREATE ROLE limits_app LOGIN; END IF; END $$;
CREATE TABLE items (tenant_id text NOT NULL, id int, note text, PRIMARY KEY (tenant_id, id));
GRANT ALL ON items TO limits_app;
INSERT INTO items SELECT t, generate_series(1, `+fmt.Sprint(limitItems)+`), '' FROM unnest('{`+strings.Join(limitTenants, ",")+`}'::text[]) t`)
	ctx := context.Background()
	for _, tenant := range limitTenants {
		name := s.prefix + tenant
		ok(t, pg.Exec(ctx, "postgres", "CREATE ROLE "+name+" LOGIN"))
		ok(t, pg.Exec(ctx, "postgres", "CREATE DATABASE "+name+" OWNER "+name))
		t.Cleanup(func() {
			ok(t, pg.Exec(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"))
			ok(t, pg.Exec(ctx, "postgres", "DROP ROLE "+name))
		})
		ok(t, pg.Exec(ctx, name, "CREATE TABLE items (id int PRIMARY KEY, note text); ALTER TABLE items OWNER TO "+name+
			"; INSERT INTO items SELECT generate_series(1, "+fmt.Sprint(limitItems)+"), ''"))
	}
	return s
}

// limitCase is one limit, as it is tried on one service.
type limitCase struct {
	stage     *limitStage
	row       limitRow
	trial     limitTrial
	user, own bool
	manner    string

	dir     string
	log     *scriptServer
	service *service
	address string
}

// limitPlace is a place where the limit is set, and who is held to it.
type limitPlace struct{ name, tenant, user string }

// places are as the table of docs/limits.md lays them over each other.
func (c *limitCase) places() []limitPlace {
	list := []limitPlace{{"defaults", "plain", "plain_user"}, {"plan", "planned", "planned_user"}, {"tenant", "special", "special_user"}}
	if c.user {
		list = append(list, limitPlace{"user", "special", "special_named"})
	}
	if c.own {
		list = list[len(list)-1:]
	}
	return list
}

func (c *limitCase) value(place int) string {
	if c.manner == "wait" {
		return c.trial.waits.values[place]
	}
	return c.trial.values[place]
}

func (c *limitCase) run(t *testing.T) {
	c.start(t)
	all := c.places()
	clients := make([]*limitClient, len(all))
	t.Run("reach", func(t *testing.T) {
		for i, p := range all {
			place := i + 4 - len(all)
			if !c.own {
				place = i
			}
			if c.own && !c.user {
				place = 2
			}
			cl := &limitClient{c: c, place: p, value: c.value(place)}
			clients[i] = cl
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				cl.try(t)
			})
		}
	})
	if t.Failed() {
		return
	}
	// Lifted, without dropping a connection.
	c.configure(t, false)
	if _, err := c.service.reload(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	for _, cl := range clients {
		if _, err := cl.conn.Exec(context.Background(), "SELECT count(*) FROM items"); err != nil {
			t.Errorf("%s: the session, when the limit is lifted: %v", cl.place.name, err)
		}
	}
}

// start starts a proxy with the limit.
func (c *limitCase) start(t *testing.T) {
	t.Helper()
	c.dir = t.TempDir()
	ok(t, os.WriteFile(filepath.Join(c.dir, "verifier"), []byte(limitVerifier), 0o600))
	ok(t, os.WriteFile(filepath.Join(c.dir, "policy.yaml"), []byte("tenant: {column: tenant_id, type: text}\ntables: [{match: public.items, scope: tenant}]\n"), 0o600))
	c.configure(t, true)
	file := filepath.Join(c.dir, "pgcordon.yaml")
	a, err := assemble(context.Background(), file)
	ok(t, err)
	c.log = &scriptServer{done: make(chan struct{}), more: make(chan struct{})}
	c.service, err = startService(file, slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug})), a)
	ok(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.service.stop(ctx) // cuts off what a trial has left open
		if t.Failed() {
			t.Log(c.log.log.String())
		}
	})
	found, err := c.log.await(`msg=listening address=(\S+)`)
	ok(t, err)
	c.address = found[1]
	if c.trial.counted {
		_, err := c.log.await("counted what tenants have stored")
		ok(t, err)
	}
}

// configure writes the configuration, with the limit or without.
func (c *limitCase) configure(t *testing.T, limited bool) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "listen: [{address: \"127.0.0.1:0\"}]\nupstream: {dsn: %q, adaptive_limit: false}\npolicy_file: policy.yaml\n", c.stage.pg.DSN("limits_app", c.stage.shared))
	fmt.Fprintf(&b, "databases: [{tenancy: database, name: own, upstream: {dsn: \"host=%s port=%d dbname=%s{tenant} user=%s{tenant}\"}}]\n",
		c.stage.pg.SocketDir, c.stage.pg.Port, c.stage.prefix, c.stage.prefix)
	b.WriteString("users:\n")
	for _, u := range []string{"plain_user", "planned_user", "special_user", "special_named"} {
		tenant, _, _ := strings.Cut(u, "_")
		fmt.Fprintf(&b, "  - {name: %s, tenant: %s, scram_file: verifier}\n", u, tenant)
	}
	if limited {
		keys := func(place int) string {
			text := c.row.key + ": " + c.value(place)
			if c.trial.more != "" {
				text += ", " + c.trial.more
			}
			switch c.manner {
			case "wait":
				text += ", wait: 1h"
			case "wait in vain":
				text += ", wait: 50ms"
			}
			if c.user && place < 3 {
				text = "each_user: {" + text + "}"
			}
			return text
		}
		fmt.Fprintf(&b, "limits:\n  defaults: {%s}\n  plans: {pro: {%s}}\n  tenants:\n    planned: {plan: pro}\n    special: {%s", keys(0), keys(1), keys(2))
		if c.user {
			fmt.Fprintf(&b, ", users: {special_named: {%s}}", keys(3))
		}
		b.WriteString("}\n  storage_interval: 1h\n")
	}
	ok(t, os.WriteFile(filepath.Join(c.dir, "pgcordon.yaml"), []byte(b.String()), 0o600))
}

// limitClient reaches the limit.
type limitClient struct {
	c     *limitCase
	place limitPlace
	value string
	conn  *pgx.Conn
	ends  []func()
}

// dsn is where it connects to, as every driver has it.
func (cl *limitClient) dsn() string {
	database := cl.c.stage.shared
	if cl.c.own {
		database = "own"
	}
	return fmt.Sprintf("postgres://%s:secret@%s/%s?sslmode=disable", cl.place.user, cl.c.address, database)
}

func (cl *limitClient) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), cl.dsn())
	ok(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // it may have been cut off
	return conn
}

// try reaches the limit on a connection that outlives t.
func (cl *limitClient) try(t *testing.T) {
	conn, err := pgx.Connect(context.Background(), cl.dsn())
	ok(t, err)
	cl.conn = conn
	defer func() {
		for _, end := range cl.ends {
			end()
		}
	}()
	if cl.c.manner == "wait" {
		cl.c.trial.waits.run(t, cl)
		return
	}
	err = cl.c.trial.reach(t, cl)
	message := "limit " + cl.c.trial.name(cl.c.row.key) + " of " + strings.Replace(cl.c.trial.says, "%s", cl.value, 1)
	if cl.c.user {
		message += fmt.Sprintf(" for user %q", cl.place.user)
	}
	message += " reached" + cl.c.trial.retry
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		t.Fatalf("beyond the limit: %v", err)
	case pg.Code != cl.c.row.sqlState, !strings.Contains(pg.Message, message):
		t.Errorf("beyond the limit: %s %s, want %s %s", pg.Code, pg.Message, cl.c.row.sqlState, message)
	}
	if cl.c.trial.psql != nil && cl.c.manner == "reject" && cl.place.name == "defaults" {
		cl.psql(t, message)
	}
	if cl.c.trial.after != nil {
		cl.c.trial.after(t, cl)
	}
	if cl.conn.IsClosed() {
		t.Error("the session has ended")
	}
}

// psql reaches the limit again, with psql.
func (cl *limitClient) psql(t *testing.T, message string) {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs psql")
		}
		t.Log("not by psql, which is not on this machine")
		return
	}
	args := []string{"-XAtw", cl.dsn()}
	for _, sql := range append(cl.c.trial.psql, "ROLLBACK", `\echo the end`) {
		args = append(args, "-c", sql)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), message) {
		t.Errorf("psql: %v\n%s\nwant: %s", err, out, message)
	}
	if cl.c.row.key != limit.Connections && !strings.HasSuffix(strings.TrimSpace(string(out)), "the end") {
		t.Errorf("psql has not come to the end: %v\n%s", err, out)
	}
}

// usage is what the tenant, or its user, uses now.
func (cl *limitClient) usage() (u limit.Usage) {
	for _, u := range cl.c.service.gate.Usage() {
		if u.Tenant.String() == cl.place.tenant && (u.User != "") == cl.c.user && (u.User == "" || u.User == cl.place.user) {
			return u
		}
	}
	return limit.Usage{}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// limitVerifier is for the password "secret".
const limitVerifier = "SCRAM-SHA-256$4096:euFWAvlfrBMYsuDk/yGiEw==$XjC1o4vJos7DcBz3sa2ITiUpe5RmSYY7INOY4EvkxrA=:dka2bOgcyRZKDXmwGeZa7Sq2xjuQ/7SraHA9fmL/wwg=\n"
