package policy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

// unreachable tells whether no client can call the function: it takes or returns a type that no value has.
func unreachable(fn *catalog.Function, s *catalog.Snapshot) bool {
	for _, oid := range append([]uint32{fn.Return}, fn.Args...) {
		if t := s.TypeByOID[oid]; t != nil && slices.Contains([]string{"internal", "cstring", "_cstring", "trigger"}, t.Name) {
			return true
		}
	}
	return false
}

// TestExtensionTable holds the table against the extensions that the server has: none of their functions may be missing in it.
func TestExtensionTable(t *testing.T) {
	ctx := context.Background()
	pg := throwawaytest.ForTest(t)
	conn, err := pgx.Connect(ctx, pg.DSN("", throwawaytest.Database(t, pg, "")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	available := map[string]bool{}
	rows, err := conn.Query(ctx, "SELECT name FROM pg_available_extensions")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		available[name] = true
	}
	var missing []string
	for _, name := range policy.Extensions() {
		if !available[name] {
			missing = append(missing, name)
			continue
		}
		if _, err := conn.Exec(ctx, fmt.Sprintf("CREATE EXTENSION IF NOT EXISTS %q CASCADE", name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("this server does not have %v", missing)
	snapshot, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	bound := policy.Bind(&policy.Policy{Column: "tenant_id", Extensions: policy.Extensions()}, snapshot)
	opened := 0
	for _, overloads := range snapshot.Schemas["public"].Functions {
		for _, fn := range overloads {
			reason := policy.ExtensionRefusal(fn.Extension, fn.Name)
			if strings.Contains(reason, "not known") && !unreachable(fn, snapshot) {
				t.Errorf("%s: %s(%s) is not in the table", fn.Extension, fn.Name, fn.IdentityArgs)
			}
			if vouched := bound.Vouched(fn.OID, "") != nil; vouched != (reason == "") {
				t.Errorf("%s(%s): vouched for: %v, reason to refuse: %q", fn.Name, fn.IdentityArgs, vouched, reason)
			} else if vouched {
				opened++
			}
			if reason == "" && (fn.Language != "c" && fn.Language != "sql" && fn.Language != "internal" || fn.SecurityDefiner) {
				t.Errorf("%s: %s(%s) is in language %s", fn.Extension, fn.Name, fn.IdentityArgs, fn.Language)
			}
		}
	}
	if opened < 300 {
		t.Errorf("only %d functions were opened: does this server have its contrib modules?", opened)
	}
}

func TestExtensionsKey(t *testing.T) {
	for yaml, want := range map[string]string{
		"extensions: [pgcrypto, nosuch]":   `"nosuch" is no extension that pgcordon knows; it knows btree_gin`,
		"extensions: [dblink]":             `"dblink" cannot be opened: it runs SQL from text on other connections`,
		"extensions: [pg_trgm, pg_trgm]":   `"pg_trgm" stands here a second time`,
		"extensions: [uuid-ossp, postgis]": "",
	} {
		p, err := policy.ParsePolicy("policy.yaml", []byte("tenant: {column: tenant_id}\n"+yaml+"\n"))
		switch {
		case want == "" && (err != nil || len(p.Extensions) != 2):
			t.Errorf("%s: %v", yaml, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", yaml, err, want)
		}
	}
	for _, c := range [][2]string{{"pg_trgm", "set_limit"}, {"tablefunc", "crosstab"}, {"postgis", "st_findextent"}, {"postgis", "st_new"}, {"dblink", "dblink"}, {"nosuch", "f"}} {
		if policy.ExtensionRefusal(c[0], c[1]) == "" {
			t.Errorf("%s of %s is opened", c[1], c[0])
		}
	}
}
