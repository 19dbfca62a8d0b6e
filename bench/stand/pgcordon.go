package stand

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gopkg.in/yaml.v3"

	"pgcordon/bench/report"
	"pgcordon/test/drivers/stack"
)

// variant is one pgcordon: a pool mode, and how large its policy is.
type variant struct {
	name    string
	shares  bool
	tables  []Table
	tenants int
	// unlimited leaves the limits out.
	unlimited bool
}

// The sizes of the small policy. The large one has ManyTables tables, and as many tenants as the many-tenants workload has made rows for.
const (
	FewTenants = 10
	FewTables  = 10
	ManyTables = 1000
)

// TenantTable and TenantName name the i-th table and tenant of the many-tenants workload, from 1 on.
func TenantTable(i int) string { return fmt.Sprintf("m_%04d", i) }

// TenantName is the i-th tenant, from 1 on.
func TenantName(i int) string { return fmt.Sprintf("t%d", i) }

// tenantTables lists the tables of the many-tenants workload that a policy of n tables names.
func tenantTables(n int) (tables []Table) {
	for i := range n {
		tables = append(tables, Table{Name: TenantTable(i + 1), Scope: "tenant"})
	}
	return tables
}

func (s *Stand) addPgcordons(ctx context.Context) error {
	for _, v := range []variant{
		{name: report.CordonSession, tables: s.public},
		{name: report.CordonTransaction, shares: true, tables: s.public},
		{name: report.Unlimited, shares: true, tables: s.public, unlimited: true},
	} {
		if err := s.addPgcordon(ctx, v); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return nil
}

// StartTenants adds the two targets of the many-tenants workload, whose tables must be there.
func (s *Stand) StartTenants(ctx context.Context, tenants int) error {
	for _, v := range []variant{
		{name: report.Few, shares: true, tables: tenantTables(FewTables), tenants: FewTenants},
		{name: report.Many, shares: true, tables: tenantTables(ManyTables), tenants: tenants},
	} {
		if err := s.addPgcordon(ctx, v); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return nil
}

func (s *Stand) addPgcordon(ctx context.Context, v variant) error {
	if !s.wanted(v.name) {
		return nil
	}
	dir := filepath.Join(s.dir, v.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	t := &Target{Name: v.name, Connections: s.dedicated(), Tenants: v.tenants, DSN: s.clientDSN(port, Login), Password: Password,
		neighbour: s.clientDSN(port, NeighbourLogin), Only: v.unlimited}
	if v.tenants > 0 {
		t.DSN = s.clientDSN(port, ActingLogin)
	}
	if v.shares {
		t.Connections = s.opts.PoolSize
	}
	settings, err := s.settings(v, t.Connections, port)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "pgcordon.yaml")
	if err := os.WriteFile(file, settings, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), v.policy(), 0o600); err != nil {
		return err
	}
	args := []string{"serve", "--config", file, "--log-level", "warn"}
	if s.opts.Profiled {
		args = []string{"bench", "serve", "--config", file, "--profile", s.ProfileFile(v.name)}
	}
	if t.process, err = s.start(ctx, exec.Command(s.opts.Program, args...), port); err != nil {
		return err
	}
	s.Targets = append(s.Targets, t)
	t.Shares = v.shares && sharesConnections(ctx, t)
	return nil
}

// ProfileFile is where a target writes its CPU profile.
func (s *Stand) ProfileFile(target string) string { return filepath.Join(s.dir, target+".pprof") }

// sharesConnections finds out whether one client more than there are server connections gets served while the others are idle.
func sharesConnections(ctx context.Context, t *Target) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for range t.Connections + 1 {
		conn, err := pgconn.Connect(ctx, t.ConnString(1))
		if err != nil {
			return false
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(ctx, "SELECT 1").ReadAll(); err != nil {
			return false
		}
	}
	return true
}

// neverReached are all limits, on each tenant and on each of its users, higher than anything here gets. Only changes_per_statement is left out: it adds a round trip to some
// statements that change rows.
func neverReached(tenant bool) map[string]any {
	limits := map[string]any{
		"connections": 100_000, "statements_at_once": 100_000, "statements_per_second": 10_000_000, "burst": 10_000_000, "wait": "1s",
		"rows_per_second": 1e11, "bytes_per_second": 1e13, "rows_per_statement": 100_000_000_000,
		"statement_timeout": "10m", "transaction_timeout": "1h", "idle_in_transaction_timeout": "1h"}
	if tenant {
		limits["each_user"] = neverReached(false)
		limits["storage_rows"], limits["storage_bytes"] = int64(1e15), int64(1e18)
	}
	return limits
}

// settings are the user's pgcordon.yaml, or the defaults, with what the run needs. The limits are on and never reached: what they
// cost is part of the measurement.
func (s *Stand) settings(v variant, connections, port int) ([]byte, error) {
	all := map[string]any{}
	if s.opts.Config != "" {
		text, err := os.ReadFile(s.opts.Config)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(text, &all); err != nil {
			return nil, fmt.Errorf("%s: %w", s.opts.Config, err)
		}
	} else {
		all["limits"] = map[string]any{"defaults": neverReached(true)}
	}
	if v.unlimited {
		delete(all, "limits")
	}
	upstream, _ := all["upstream"].(map[string]any)
	if upstream == nil {
		upstream = map[string]any{}
	}
	delete(upstream, "password_file")
	upstream["dsn"], upstream["default_pool_size"] = s.Direct().ConnString(0), connections
	upstream["pool_mode"], upstream["server_idle_timeout"] = "session", fmt.Sprint(sessionIdleSeconds, "s")
	if v.shares {
		upstream["pool_mode"], upstream["server_idle_timeout"] = "transaction", fmt.Sprint(sharedIdleSeconds, "s")
	}
	for _, key := range []string{"min_pool_size", "reserve_pool_size", "max_db_connections"} {
		delete(upstream, key)
	}
	all["upstream"] = upstream
	wire, _ := all["wire"].(map[string]any)
	if wire == nil {
		wire = map[string]any{}
	}
	wire["max_client_conn"] = 12_000
	all["wire"] = wire
	admin, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	all["listen"] = []any{map[string]any{"address": fmt.Sprintf("127.0.0.1:%d", port)}}
	all["admin"] = map[string]any{"address": fmt.Sprintf("127.0.0.1:%d", admin)}
	all["policy_file"] = "policy.yaml"
	users := []any{map[string]any{"name": Login, "tenant": Tenant, "scram": s.verifier}}
	users = append(users, map[string]any{"name": NeighbourLogin, "tenant": NeighbourTenant, "scram": s.verifier})
	if v.tenants > 0 {
		users = append(users, map[string]any{"name": ActingLogin, "role": "acting", "scram": s.verifier})
	}
	all["users"] = users
	return yaml.Marshal(all)
}

// policy names each table by itself.
func (v variant) policy() []byte {
	var b strings.Builder
	b.WriteString("tenant: {column: tenant_id, type: text}\ntables:\n")
	for _, t := range v.tables {
		fmt.Fprintf(&b, "  - {match: public.%s, scope: %s}\n", t.Name, t.Scope)
	}
	if v.tenants > 0 {
		b.WriteString("roles:\n  acting:\n    act_for:\n")
		for i := range v.tenants {
			fmt.Fprintf(&b, "      - %s\n", TenantName(i+1))
		}
	}
	return []byte(b.String())
}
