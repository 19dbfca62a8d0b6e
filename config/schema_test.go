package config

import (
	"flag"
	"os"
	"testing"
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
