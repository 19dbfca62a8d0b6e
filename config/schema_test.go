package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"testing"
	"time"

	"pgcordon/config/yamlpos"
)

var update = flag.Bool("update", false, "write config/schema")

// The schemas that are checked in are those of the Go types.
func TestSchemasAreTrue(t *testing.T) {
	for file, want := range map[string][]byte{"schema/config.json": ConfigSchema(), "schema/policy.json": PolicySchema()} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s differs from the Go types; go test ./config -run Schemas -update writes it anew", file)
		}
	}
}

// The defaults that the tags tell are those that Load fills in.
func TestDefaultsAreTrue(t *testing.T) {
	c, err := load(t, map[string]string{"pgcordon.yaml": "listen: [{address: \"unix:/tmp\"}]\nupstream: {dsn: \"postgres://a@h/d\"}\npolicy_file: policy.yaml\n" +
		"users: [{name: a, tenant: acme, scram: \"" + verifier + "\"}]\n" +
		"databases: [{tenancy: database, tenant: acme, upstream: {dsn: \"postgres://b@h/e\"}}]\n" +
		"limits: {shared: \"redis://h\"}\n"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	own := c.Databases[0]
	got := map[string]string{
		"databases[].trust_role":         fmt.Sprint(own.TrustRole),
		"databases[].upstream.pool_mode": own.template.PoolMode,
		"listen[].port":                  fmt.Sprint(c.Listen[0].Port),
		"listen[].tls.required":          fmt.Sprint(c.Listen[0].TLSRequired),
		"upstream.pool_mode":             map[bool]string{true: "session", false: "transaction"}[c.Users[0].SessionPool],
		"wire.max_client_conn":           fmt.Sprint(c.Wire.MaxClientConn),
		"wire.client_idle_timeout":       short(c.Wire.ClientIdleTimeout),
		"wire.idle_transaction_timeout":  short(c.Wire.IdleTransactionTimeout),
		"wire.max_message_bytes":         fmt.Sprint(c.Wire.MaxMessageBytes),
		"wire.startup_timeout":           c.Wire.StartupTimeout.String(),
		"wire.max_unauthenticated":       fmt.Sprint(c.Wire.MaxUnauthenticated),
		"rewriter.cache_bytes":           fmt.Sprint(c.Rewriter.CacheBytes),
		"rewriter.max_statement_bytes":   fmt.Sprint(c.Rewriter.MaxStatementBytes),
		"limits.storage_interval":        short(c.Limits.StorageInterval),
		"log.slow_statement":             short(c.SlowStatement),
		"limits.shared_fail":             map[bool]string{true: "closed", false: "local"}[c.Limits.Shared.Closed],
		"limits.shared_proxies":          fmt.Sprint(c.Limits.Shared.Proxies),
		"drain_timeout":                  c.DrainTimeout.String(),
	}
	for prefix, p := range map[string]Pool{"upstream.": c.Pool, "databases[].upstream.": own.Pool} {
		for key, value := range map[string]string{
			"default_pool_size":       fmt.Sprint(p.Size),
			"max_prepared_statements": fmt.Sprint(p.MaxPrepared),
			"adaptive_limit":          fmt.Sprint(p.Adaptive),
			"adaptive_limit_min":      fmt.Sprint(p.AdaptiveLeast),
			"min_pool_size":           fmt.Sprint(p.MinSize),
			"reserve_pool_size":       fmt.Sprint(p.ReserveSize),
			"reserve_pool_timeout":    short(p.ReserveTimeout),
			"max_db_connections":      fmt.Sprint(p.MaxConnections),
			"query_wait_timeout":      short(p.WaitTimeout),
			"server_connect_timeout":  short(p.ConnectTimeout),
			"server_idle_timeout":     short(p.IdleTimeout),
			"server_lifetime":         short(p.Lifetime),
			"server_check_delay":      short(p.CheckDelay),
		} {
			got[prefix+key] = value
		}
	}
	if own.Pool.Size != ownPoolSize {
		t.Errorf("a database of one tenant has %d connections", own.Pool.Size)
	}
	got["databases[].upstream.default_pool_size"] = got["upstream.default_pool_size"] // of one that tenants share
	for _, e := range yamlpos.Reference(reflect.TypeFor[File]()) {
		if e.Default != got[e.Key] {
			t.Errorf("%s: the tag says %q, Load fills in %q", e.Key, e.Default, got[e.Key])
		}
	}
}

// short writes a duration as people do: 2m, not 2m0s.
func short(d time.Duration) string {
	return regexp.MustCompile(`([hm])0m?0?s$|([hm])0s$`).ReplaceAllString(d.String(), "$1$2")
}
