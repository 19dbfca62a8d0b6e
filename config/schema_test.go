package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"testing"

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
		"users: [{name: a, tenant: acme, scram: \"" + verifier + "\"}]\n"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"listen[].port":                fmt.Sprint(c.Listen[0].Port),
		"listen[].tls.required":        fmt.Sprint(c.Listen[0].TLSRequired),
		"pool.max_connections":         fmt.Sprint(c.Pool.MaxConnections),
		"pool.acquire_timeout":         c.Pool.AcquireTimeout.String(),
		"wire.max_message_bytes":       fmt.Sprint(c.Wire.MaxMessageBytes),
		"wire.startup_timeout":         c.Wire.StartupTimeout.String(),
		"wire.max_unauthenticated":     fmt.Sprint(c.Wire.MaxUnauthenticated),
		"rewriter.cache_bytes":         fmt.Sprint(c.Rewriter.CacheBytes),
		"rewriter.max_statement_bytes": fmt.Sprint(c.Rewriter.MaxStatementBytes),
		"drain_timeout":                c.DrainTimeout.String(),
	}
	for _, e := range yamlpos.Reference(reflect.TypeFor[File]()) {
		if e.Default != got[e.Key] {
			t.Errorf("%s: the tag says %q, Load fills in %q", e.Key, e.Default, got[e.Key])
		}
	}
}
