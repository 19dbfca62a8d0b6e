package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"pgcordon/policy"
	"pgcordon/proxy/limit"
)

const (
	verifier  = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	goodRules = "tenant: {column: tenant_id}\nroles:\n  support: {act_for: [acme, globex]}\n  reader: {access: read_only}\n"
)

// files writes a configuration and what stands beside it, and returns the configuration's path.
func files(t *testing.T, all map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if _, ok := all["policy.yaml"]; !ok {
		all["policy.yaml"] = goodRules
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "pgcordon.yaml")
}

func load(t *testing.T, all map[string]string, env map[string]string) (*Config, error) {
	t.Helper()
	return Load(files(t, all), func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
}

func TestLoad(t *testing.T) {
	c, err := load(t, map[string]string{"pgcordon.yaml": `
listen:
  - address: 127.0.0.1:6432
  - {address: "unix:/tmp", port: 6432}
upstream: {dsn: "postgres://app@${DB_HOST}:5432/shop", password_file: pw, pool_mode: session, default_pool_size: 7, min_pool_size: 2, query_wait_timeout: 0}
policy_file: policy.yaml
users:
  - {name: a, tenant: acme, scram: "` + verifier + `"}
  - {name: b, tenant: globex, role: reader, scram_file: verifier, pool_mode: transaction}
  - {name: s, role: support, scram: "${SUPPORT}"}
limits:
  defaults: {connections: 50, statements_per_second: 10.5, wait: 1s}
  tenants:
    acme: {connections: 0, rows_per_statement: 10}
admin: {address: 127.0.0.1:0}
drain_timeout: 2m
`, "pw": "s3cret\n", "verifier": verifier + "\r\n"}, map[string]string{"DB_HOST": "db.test", "SUPPORT": verifier})
	if err != nil {
		t.Fatal(err)
	}
	if c.Upstream.Host != "db.test" || c.Upstream.Password != "s3cret" || c.Upstream.Database != "shop" {
		t.Errorf("upstream %s %s", c.Upstream.Host, c.Upstream.Database)
	}
	if c.Listen[1].String() != "/tmp/.s.PGSQL.6432" || c.Listen[0].String() != "127.0.0.1:6432" {
		t.Errorf("%v", c.Listen)
	}
	if c.Users[0].Tenant.String() != "acme" || len(c.Users[2].ActFor) != 2 || c.Users[2].Tenant.IsValid() || !c.Users[1].Verifier.IsValid() {
		t.Errorf("%v", c.Users)
	}
	pool := Pool{Mode: "session", Size: 7, MinSize: 2, ReserveTimeout: 5 * time.Second, ConnectTimeout: 15 * time.Second, IdleTimeout: 10 * time.Minute,
		Lifetime: time.Hour, CheckDelay: 30 * time.Second, MaxPrepared: 200, Adaptive: true, AdaptiveLeast: 1}
	if !c.Users[0].SessionPool || c.Users[1].SessionPool || !c.Users[2].SessionPool {
		t.Errorf("pool modes of %v", c.Users)
	}
	if c.Pool != pool || c.DrainTimeout != 2*time.Minute {
		t.Errorf("%v %v", c.Pool, c.DrainTimeout)
	}
	want := limit.Limits{StatementsPerSecond: 10.5, Wait: time.Second, RowsPerStatement: 10}
	if got := c.Limits.Of(c.Users[0].Tenant, ""); got != want {
		t.Errorf("acme's limits: %+v", got)
	}
	want = limit.Limits{Connections: 50, StatementsPerSecond: 10.5, Wait: time.Second}
	if got := c.Limits.Of(c.Users[1].Tenant, ""); got != want {
		t.Errorf("globex's limits: %+v", got)
	}
	if c.Rewriter.CacheBytes != 64<<20 || c.Wire.MaxUnauthenticated != 200 || c.AdminAddress != "127.0.0.1:0" {
		t.Errorf("%+v %+v %s", c.Rewriter, c.Wire, c.AdminAddress)
	}
}

// The defaults, the plan, the tenant's own keys; and within them those of each user, and the user's own.
func TestLimitsAreLaidOverEachOther(t *testing.T) {
	c, err := load(t, map[string]string{"pgcordon.yaml": `
listen: [{address: 127.0.0.1:6432}]
upstream: {dsn: "postgres://app@h/shop"}
policy_file: policy.yaml
users:
  - {name: a, tenant: acme, scram: "` + verifier + `"}
  - {name: b, tenant: acme, scram: "` + verifier + `"}
  - {name: c, tenant: globex, scram: "` + verifier + `"}
  - {name: s, role: support, scram: "` + verifier + `"}
limits:
  defaults: {connections: 10, rows_per_second: 5, each_user: {connections: 5, statements_at_once: 2}}
  plans:
    pro: {connections: 20, rows_per_second: 0, each_user: {connections: 8}, storage_rows: 5}
  tenants:
    acme: {plan: pro, statement_timeout: 5s, each_user: {statements_per_second: 3}, users: {b: {connections: 1}}}
`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	acme, globex := c.Users[0].Tenant, c.Users[2].Tenant
	for _, x := range []struct {
		tenant policy.TenantID
		user   string
		want   limit.Limits
	}{
		{acme, "", limit.Limits{Connections: 20, StatementTimeout: 5 * time.Second, StorageRows: 5}},
		{acme, "a", limit.Limits{Connections: 8, StatementsAtOnce: 2, StatementsPerSecond: 3}},
		{acme, "b", limit.Limits{Connections: 1, StatementsAtOnce: 2, StatementsPerSecond: 3}},
		{globex, "", limit.Limits{Connections: 10, RowsPerSecond: 5}},
		{globex, "s", limit.Limits{Connections: 5, StatementsAtOnce: 2}},
	} {
		if got := c.Limits.Of(x.tenant, x.user); got != x.want {
			t.Errorf("%s, user %q: %+v, want %+v", x.tenant, x.user, got, x.want)
		}
	}
	if tenants, bytes := c.Limits.Storing(c.Users); len(tenants) != 1 || tenants[0] != acme || bytes {
		t.Errorf("storage is limited for %v, bytes %v", tenants, bytes)
	}
}

// Each mistake that is not one of form, at its place, and all of one file at once.
func TestLoadErrors(t *testing.T) {
	base := map[string]string{
		"listen": `[{address: "127.0.0.1:6432"}]`, "upstream": `{dsn: "postgres://app:hunter2@h/shop"}`,
		"policy_file": "policy.yaml", "users": `[{name: a, tenant: acme, scram: "` + verifier + `"}]`,
	}
	for name, c := range map[string]struct {
		key, value string
		want       []string
	}{
		"no listener":      {"listen", `[]`, []string{"1:9: the list is empty"}},
		"addresses":        {"listen", `[{address: nowhere}, {address: "h:99999"}, {address: "unix:tmp"}]`, []string{`"nowhere": expected host:port`, `"h:99999"`, "absolute path"}},
		"same address":     {"listen", `[{address: "h:1"}, {address: "h:1"}]`, []string{"h:1 stands here a second time; the first is listener 1"}},
		"port of TCP":      {"listen", `[{address: "h:1", port: 5}]`, []string{"the port of a TCP address stands in the address"}},
		"TLS without file": {"listen", `[{address: "h:1", tls: {cert_file: nope.crt, key_file: nope.key}}]`, []string{"nope.crt: no such file"}},
		"TLS without key":  {"listen", `[{address: "h:1", tls: {cert_file: nope.crt}}]`, []string{`the key "key_file" is missing here`}},
		"TLS on a socket":  {"listen", `[{address: "unix:/tmp", tls: {cert_file: a, key_file: b}}]`, []string{"a Unix socket has no TLS"}},
		"DSN":              {"upstream", `{dsn: "postgres://u:hunter2@h:port/db"}`, []string{"this is no connection string"}},
		"two passwords":    {"upstream", `{dsn: "postgres://u:hunter2@h/db", password_file: policy.yaml}`, []string{"dsn holds a password too"}},
		"password file":    {"upstream", `{dsn: "postgres://u@h/db", password_file: nope}`, []string{"nope: no such file"}},
		"pool sizes":       {"upstream", `{dsn: "postgres://u@h/db", min_pool_size: 101}`, []string{"min_pool_size (101) is more than default_pool_size (20)"}},
		"reserve timeout":  {"upstream", `{dsn: "postgres://u@h/db", reserve_pool_timeout: 1s}`, []string{"means nothing without reserve_pool_size"}},
		"pool mode":        {"upstream", `{dsn: "postgres://u@h/db", pool_mode: statement}`, []string{`"statement": expected one of transaction, session`}},
		"policy file":      {"policy_file", "nope.yaml", []string{"1:14: reading the policy: open"}},
		"no user":          {"users", `[]`, []string{"nobody could log in"}},
		"same user":        {"users", `[{name: a, tenant: x, scram: "` + verifier + `"}, {name: a, tenant: y, scram: "` + verifier + `"}]`, []string{`the user "a" stands here a second time; the first is user 1`}},
		"verifier":         {"users", `[{name: a, tenant: x, scram: "SCRAM-SHA-256$hunter2"}]`, []string{"a SCRAM verifier looks like"}},
		"no verifier":      {"users", `[{name: a, tenant: x}]`, []string{`the user "a" has no verifier`}},
		"two verifiers":    {"users", `[{name: a, tenant: x, scram: "` + verifier + `", scram_file: f}]`, []string{"scram is given too"}},
		"unknown role":     {"users", `[{name: a, role: boss, scram: "` + verifier + `"}]`, []string{`the policy has no role "boss"; it has reader, support`}},
		"no tenant":        {"users", `[{name: a, scram: "` + verifier + `"}]`, []string{"neither a tenant nor a role"}},
		"tenant and role":  {"users", `[{name: a, tenant: x, role: support, scram: "` + verifier + `"}]`, []string{"a user of it has no tenant of its own"}},
		"role for nobody":  {"users", `[{name: a, role: reader, scram: "` + verifier + `"}]`, []string{"acts for no tenant"}},
		"empty tenant":     {"users", `[{name: a, tenant: "", scram: "` + verifier + `"}]`, []string{"a tenant id is 1 to 255 bytes"}},
		"numeric tenant":   {"users", `[{name: a, tenant: 42, scram: "` + verifier + `"}]`, []string{"expected a string, found a number: put it in quotes"}},
		"unknown tenant":   {"limits", `{tenants: {amce: {connections: 1}}}`, []string{`no user has the tenant "amce"`}},
		"burst alone":      {"limits", `{defaults: {burst: 5}}`, []string{"burst means nothing without statements_per_second"}},
		"wait alone":       {"limits", `{defaults: {statements_per_second: 5, wait: 1s}, tenants: {acme: {statements_per_second: 0, wait: 2s}}}`, []string{"wait means nothing without"}},
		"no such plan":     {"limits", `{plans: {free: {connections: 1}, pro: {}}, tenants: {acme: {plan: gold}}}`, []string{`there is no plan "gold"; limits.plans has free, pro`}},
		"no plans":         {"limits", `{tenants: {acme: {plan: gold}}}`, []string{`there is no plan "gold": limits.plans has none`}},
		"no such user":     {"limits", `{tenants: {acme: {users: {b: {connections: 1}}}}}`, []string{`the tenant "acme" has no user "b"`}},
		"user's burst":     {"limits", `{tenants: {acme: {each_user: {burst: 1}}}}`, []string{"burst means nothing without"}},
		"shared":           {"limits", `{shared: "http://:hunter2@h"}`, []string{"this is no address of a Redis"}},
		"shared_fail":      {"limits", `{shared_fail: closed}`, []string{"shared_fail means nothing without shared"}},
		"negative limit":   {"limits", `{defaults: {connections: -1}}`, []string{"-1 is too small: the least is 0"}},
		"durations":        {"drain_timeout", `-5s`, []string{"-5s is too small"}},
		"admin":            {"admin", `{address: "9187"}`, []string{"expected host:port"}},
		"statement bytes":  {"wire", `{max_message_bytes: 20000}`, []string{"is more than wire.max_message_bytes (20000)"}},
		"key that is none": {"limit", `{}`, []string{`unknown key "limit": did you mean "limits"?`}},
		"secret as a list": {"upstream", `{dsn: [hunter2]}`, []string{"expected a string, found a list"}},
		"password in vain": {"upstream", `{dns: "postgres://u:hunter2@h/db"}`, []string{`the key "dsn" is missing`, `unknown key "dns": did you mean "dsn"?`}},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("%s: %s\n", c.key, c.value)
			for key, value := range base {
				if key != c.key {
					text += fmt.Sprintf("%s: %s\n", key, value)
				}
			}
			_, err := load(t, map[string]string{"pgcordon.yaml": text}, nil)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is shown:\n%v", err)
			}
			if got := strings.Count(err.Error(), "pgcordon.yaml:"); got != len(c.want) {
				t.Errorf("%d errors, want %d:\n%v", got, len(c.want), err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in\n%v", want, err)
				}
			}
		})
	}
}

const withOwn = `
listen: [{address: "h:1"}]
upstream: {dsn: "host=db dbname=shop user=app_proxy password=hunter2"}
policy_file: policy.yaml
users:
  - {name: a, tenant: acme, scram: "` + verifier + `"}
  - {name: g, tenant: "Glo/b'x é", scram: "` + verifier + `"}
  - {name: s, role: support, scram: "` + verifier + `"}
databases:
`

func TestOwnDatabases(t *testing.T) {
	pgpass := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(pgpass, []byte("db:5432:tGlo/b'x é:oGlo/b'x é:of globex\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, map[string]string{"pw": "s3cret", "pgcordon.yaml": withOwn + `
  - {tenancy: database, tenant: acme, roles: [support], upstream: {dsn: "postgres://own@db/acme_db", password_file: pw, default_pool_size: 3}}
  - {name: own, tenancy: database, tenants: ["Glo/b'x é"], upstream: {dsn: "host=db dbname=t{tenant} user='o{tenant}' passfile=${PGPASS}"}}
  - {name: "u_{tenant}", tenancy: database, upstream: {dsn: "postgres://v%7Btenant%7D@db2/v{tenant}", default_pool_size: 5}, trust_role: true}
`}, map[string]string{"PGPASS": pgpass})
	if err != nil {
		t.Fatal(err)
	}
	acme, globex := c.Users[0].Tenant, c.Users[1].Tenant
	for _, e := range []struct {
		name string
		who  policy.Identity
		want string
	}{
		{"acme_db", policy.Identity{Tenant: acme}, "own s3cret acme_db"},
		{"acme_db", policy.Identity{Tenant: acme, Role: "support"}, "own s3cret acme_db"},
		{"acme_db", policy.Identity{Tenant: acme, Role: "reader"}, ""},
		{"acme_db", policy.Identity{Tenant: globex}, ""},
		{"acme_db", policy.Identity{}, ""},
		{"own", policy.Identity{Tenant: globex}, "oGlo/b'x é of globex tGlo/b'x é"},
		{"own", policy.Identity{Tenant: acme}, ""},
		{"u_acme", policy.Identity{Tenant: acme}, "vacme  vacme"},
		{"u_Glo/b'x é", policy.Identity{Tenant: globex}, "vGlo/b'x é  vGlo/b'x é"},
		{"u_acme", policy.Identity{Tenant: globex}, ""},
		{"shop", policy.Identity{Tenant: acme}, ""},
		{"", policy.Identity{Tenant: acme}, ""},
	} {
		got := ""
		if d := c.OwnDatabase(e.name, e.who); d != nil {
			up, err := d.Connect(e.who.Tenant)
			if err != nil {
				t.Fatal(err)
			}
			got = up.User + " " + up.Password + " " + up.Database
		}
		if got != e.want {
			t.Errorf("%s for %v: %q, want %q", e.name, e.who, got, e.want)
		}
	}
}

// Each mistake in databases, at its place.
func TestOwnDatabaseErrors(t *testing.T) {
	for entries, want := range map[string]string{
		`{tenancy: database, upstream: {dsn: "host=db dbname=x user=y"}}`:                                                                                               "whose database is it",
		`{tenancy: database, tenant: nobody, upstream: {dsn: "host=db dbname=x user=y"}}`:                                                                               `no user has the tenant "nobody"`,
		`{tenancy: table, tenant: acme, upstream: {dsn: "host=db dbname=x user=y"}}`:                                                                                    "expected one of rows, database",
		`{tenancy: database, tenants: [acme], upstream: {dsn: "host=db dbname=x user=y"}}`:                                                                              "use the key tenant",
		`{tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=x{tenant} user=y"}}`:                                                                         "each tenant has a database",
		`{tenancy: database, upstream: {dsn: "host=db dbname=x user=y{tenant}"}}`:                                                                                       "all tenants would have the same",
		`{tenancy: database, name: "{tenant}", tenant: acme, upstream: {dsn: "host=db dbname=x user=y"}}`:                                                               "all tenants would have the same",
		`{tenancy: database, upstream: {dsn: "host=db{tenant} dbname=x{tenant} user=y{tenant}"}}`:                                                                       "the database and the user alone",
		`{tenancy: database, tenant: acme, roles: [boss], upstream: {dsn: "host=db dbname=x user=y"}}`:                                                                  `no role "boss"`,
		`{tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=x user=y", min_pool_size: 1}}`:                                                               "keeps no connections",
		`{tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=shop user=y"}}`:                                                                              `called as the shared one: "shop"`,
		`{name: x, tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=shop user=y"}}`:                                                                     "also that of all who share",
		`{tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=x user=app_proxy"}}`:                                                                         `the role "app_proxy" is also that of all who share`,
		`{tenancy: database, upstream: {dsn: "host=db dbname=x{tenant} user=y"}}`:                                                                                       `the role "y" is also that of tenant`,
		`{tenancy: database, upstream: {dsn: "host=db dbname=x{tenant}` + strings.Repeat("y", 60) + ` user=y{tenant}"}}`:                                                "longer than 63 bytes",
		`{tenancy: rows, upstream: {dsn: "host=db dbname=x user=y"}}`:                                                                                                   "another database that tenants share",
		`{tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=x user=y"}}, {tenancy: database, tenant: acme, upstream: {dsn: "host=db2 dbname=x user=y"}}`: `two databases that are called "x"`,
		`{tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=x1 user=y"}}, {name: b, tenancy: database, upstream: {dsn: "host=db dbname=x1{tenant} user=y{tenant}"}}, {name: c, tenancy: database, tenant: acme, upstream: {dsn: "host=db dbname=x1acme user=z"}}, {name: d, tenancy: database, tenant: "Glo/b'x é", upstream: {dsn: "host=db dbname=x1 user=w"}}`: `is also that of tenant "acme": "x1"`,
	} {
		_, err := load(t, map[string]string{"pgcordon.yaml": withOwn + "  [" + entries + "]\n"}, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || strings.Count(err.Error(), "pgcordon.yaml:") != 1 {
			t.Errorf("%s\nwant %q in %v", entries, want, err)
		}
	}
}

// Without a database that tenants share there is no policy.
func TestOwnDatabasesAlone(t *testing.T) {
	c, err := load(t, map[string]string{"pgcordon.yaml": `
listen: [{address: "h:1"}]
users: [{name: a, tenant: acme, scram: "` + verifier + `"}]
databases: [{tenancy: database, upstream: {dsn: "host=db dbname={tenant} user={tenant}"}}]
`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Upstream != nil || c.Policy == nil || c.OwnDatabase("acme", policy.Identity{Tenant: c.Users[0].Tenant}) == nil {
		t.Errorf("%+v", c)
	}
}

// A mistake in the policy does not hide those of the configuration.
func TestErrorsOfBothFiles(t *testing.T) {
	_, err := load(t, map[string]string{
		"pgcordon.yaml": "listen: []\npolicy_file: policy.yaml\nupstream: {dsn: x}\nusers: [{nam: a}]\n",
		"policy.yaml":   "tenant: {colum: a}\n",
	}, nil)
	if err == nil || !strings.Contains(err.Error(), `"nam"`) || !strings.Contains(err.Error(), `"colum"`) {
		t.Errorf("%v", err)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := newSecret("hunter2")
	e := UpstreamEntry{DSN: s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%X", "%t", "%p"} {
		fmt.Fprintf(&out, verb+verb+verb, s, &s, e)
	}
	fmt.Fprint(&out, s, &s, s.String())
	for _, v := range []any{s, e, &e, map[string]any{"a": s}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		if b, err = yaml.Marshal(v); err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "e", e)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "e", e)
	for _, text := range []string{"hunter2", "68756e74657232", "68756E74657232", "104 117"} {
		if strings.Contains(out.String(), text) {
			t.Errorf("the secret is printed:\n%s", out.String())
		}
	}
	if s.Reveal() != "hunter2" || !s.IsSet() {
		t.Error("the secret is lost")
	}
}

func TestFits(t *testing.T) {
	c, err := load(t, map[string]string{"pgcordon.yaml": `
listen: [{address: "h:1"}]
upstream: {dsn: "postgres://app@h/shop"}
policy_file: policy.yaml
users: [{name: a, tenant: acme, scram: "` + verifier + `"}]
`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.NeedsRestart(c); len(got) != 0 {
		t.Errorf("equal configurations differ in %v", got)
	}
	next := *c
	next.AdminAddress, next.Wire.MaxUnauthenticated, next.Listen = "h:2", 1, nil
	if got := c.NeedsRestart(&next); strings.Join(got, " ") != "listen admin wire" {
		t.Errorf("%v", got)
	}
	var none policy.Bound
	if err := c.Fits(&none); err != nil {
		t.Errorf("%v", err)
	}
}
