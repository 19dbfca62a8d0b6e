package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
	"pgcordon/proxy/auth"
)

var documents = map[string]reflect.Type{
	"../docs/configuration.md": reflect.TypeFor[File](),
	"../docs/policy.md":        reflect.TypeFor[policy.File](),
}

var keysSection = regexp.MustCompile(`(?s)(<!-- keys: .*? -->\n).*(<!-- end of keys -->)`)

// The reference of the keys in the documentation is that of the Go types.
func TestReferenceIsTrue(t *testing.T) {
	for file, typ := range documents {
		text := read(t, file)
		var b strings.Builder
		b.WriteString("| key | value | default | |\n| --- | --- | --- | --- |\n")
		for _, e := range yamlpos.Reference(typ) {
			if e.Doc == "" {
				t.Errorf("%s has no text", e.Key)
			}
			initial := e.Default
			if e.Required {
				initial = "required"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Key, e.Value, initial, strings.ReplaceAll(e.Doc, "|", `\|`))
		}
		want := keysSection.ReplaceAllString(text, "${1}"+strings.ReplaceAll(b.String(), "$", "$$")+"${2}")
		if !keysSection.MatchString(text) {
			t.Fatalf("%s has no section of keys", file)
		}
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if want != text {
			t.Errorf("%s differs from the Go types; go test ./config -run Reference -update writes it anew", file)
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(# (pgcordon|policy)\\.yaml\n.*?)```")

// What the documentation shows as whole files is accepted.
func TestExamplesAreAccepted(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file := range documents {
		m := yamlBlock.FindStringSubmatch(read(t, file))
		if m == nil {
			t.Fatalf("%s shows no whole file", file)
		}
		write(m[2]+".yaml", m[1])
	}
	v, err := auth.MakeVerifier("secret", 4096)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := selfSigned(t)
	for name, text := range map[string]string{"globex.verifier": v.Text(), "support.verifier": v.Text(), "upstream.password": "secret",
		"server.crt": certificate, "server.key": key} {
		write(name, text+"\n")
	}
	c, err := Load(filepath.Join(dir, "pgcordon.yaml"), func(name string) (string, bool) { return "db.test", name == "DB_HOST" })
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Listen) != 3 || !c.Listen[1].TLSRequired || c.Listen[1].Certificate == nil || len(c.Policy.Tables) != 6 || len(c.Users) != 3 {
		t.Errorf("%+v", c)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
