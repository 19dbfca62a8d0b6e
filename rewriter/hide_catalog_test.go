package rewriter

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

// TestHiddenColumnsInCatalogs reads every catalog of a schema with hidden columns, and asks for keys and indexes, which show what they would without
// the columns.
func TestHiddenColumnsInCatalogs(t *testing.T) {
	server := throwawaytest.ForTest(t)
	schema, err := os.ReadFile("testdata/hidden/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := throwawaytest.Database(t, server, string(schema)+`
CREATE TABLE keys (a int, "Tenant Id" text NOT NULL, b int, r int4range, UNIQUE (b, "Tenant Id", a) INCLUDE (r), EXCLUDE USING gist (r WITH &&));
CREATE INDEX keys_many ON keys (b DESC NULLS LAST, "Tenant Id" COLLATE "C" text_pattern_ops DESC, (a + 1), a) WHERE b > 1;
CREATE INDEX keys_alone ON keys ("Tenant Id");
CREATE TABLE split (tenant_id text NOT NULL, id int, PRIMARY KEY (tenant_id, id)) PARTITION BY HASH (tenant_id);
CREATE TABLE split_0 PARTITION OF split FOR VALUES WITH (MODULUS 1, REMAINDER 0);
COMMENT ON COLUMN keys."Tenant Id" IS 'whose';`)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.DSN(server.Superuser, db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	snap, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	pol, err := policy.ParsePolicy("policy.yaml", []byte(`
tenant: {column: tenant_id, type: text}
tables:
  - {match: public.countries, scope: global}
  - {match: public.keys, scope: tenant, column: Tenant Id, hide_column: true}
  - {match: "billing.*", scope: tenant, column: org, hide_column: true}
  - {match: "public.*", scope: tenant, hide_column: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	r := New(policy.Bind(pol, snap), Options{})
	rows := func(sql string) string {
		plan, err := r.Plan(Request{SQL: sql, Protocol: Simple})
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			return ""
		}
		results, err := conn.PgConn().Exec(ctx, plan.SQL).ReadAll()
		if err != nil {
			t.Errorf("%s: %v\n%s", sql, err, plan.SQL)
			return ""
		}
		var lines []string
		for _, row := range results[0].Rows {
			var values []string
			for _, v := range row {
				values = append(values, string(v))
			}
			lines = append(lines, strings.Join(values, " | "))
		}
		return strings.Join(lines, "\n")
	}
	for full, st := range systemCatalogs().relations {
		if st.denied == "" && snap.Schemas[st.schema].Relations[st.name] != nil {
			rows("SELECT " + namable(snap.Schemas[st.schema].Relations[st.name]) + " FROM " + full)
		}
	}
	for sql, want := range map[string]string{
		"SELECT attname, attnum, atttypid <> 0, attisdropped, attnotnull FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum BETWEEN 1 AND 3 ORDER BY attnum": `
id | 1 | t | f | t
........pg.dropped.2........ | 2 | f | t | f
name | 3 | t | f | t`,
		"SELECT conname, contype, conkey, confkey, pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint WHERE conrelid IN ('orders'::regclass, 'keys'::regclass) AND contype <> 'n' ORDER BY 1": `
keys_b_Tenant Id_a_r_key | u | {3,1} |  | UNIQUE (b, a) INCLUDE (r) | UNIQUE (b, a) INCLUDE (r)
keys_r_excl | x | {4} |  | EXCLUDE USING gist (r WITH &&) | EXCLUDE USING gist (r WITH &&)
orders_pkey | p | {2} |  | PRIMARY KEY (id) | PRIMARY KEY (id)
orders_tenant_id_customer_id_fkey | f | {3} | {1} | FOREIGN KEY (customer_id) REFERENCES customers(id) | FOREIGN KEY (customer_id) REFERENCES customers(id)`,
		"SELECT c.relname, i.indkey, i.indnatts, i.indnkeyatts, i.indoption, c.relnatts, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'keys'::regclass ORDER BY 1": `
keys_b_Tenant Id_a_r_key | 3 1 4 | 3 | 2 | 0 0 | 3 | CREATE UNIQUE INDEX "keys_b_Tenant Id_a_r_key" ON public.keys USING btree (b, a) INCLUDE (r)
keys_many | 3 0 1 | 3 | 3 | 1 0 0 | 3 | CREATE INDEX keys_many ON public.keys USING btree (b DESC NULLS LAST, ((a + 1)), a) WHERE (b > 1)
keys_r_excl | 4 | 1 | 1 | 0 | 1 | CREATE INDEX keys_r_excl ON public.keys USING gist (r)`,
		"SELECT a.attnum, a.attname, pg_get_indexdef(a.attrelid, a.attnum, true) FROM pg_attribute a WHERE a.attrelid = 'keys_many'::regclass ORDER BY 1": `
1 | b | b
2 | expr | (a + 1)
3 | a | a`,
		"SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'customers' ORDER BY 1": `
customers_pkey | CREATE UNIQUE INDEX customers_pkey ON public.customers USING btree (id)
customers_tenant_id_email_key | CREATE UNIQUE INDEX customers_tenant_id_email_key ON public.customers USING btree (email)
customers_tenant_id_lower_idx | CREATE UNIQUE INDEX customers_tenant_id_lower_idx ON public.customers USING btree (lower(name)) WHERE active`,
		"SELECT constraint_name, column_name, ordinal_position, position_in_unique_constraint FROM information_schema.key_column_usage WHERE table_name IN ('orders', 'lines') ORDER BY 1, 3": `
lines_pkey | order_id | 1 | 
lines_pkey | n | 2 | 
orders_pkey | id | 1 | 
orders_tenant_id_customer_id_fkey | customer_id | 1 | 1`,
		"SELECT relkind, relam, (SELECT count(*) FROM pg_partitioned_table), pg_get_partkeydef(oid), (SELECT relkind FROM pg_class WHERE relname = 'split_pkey') FROM pg_class WHERE relname = 'split'": `
r | 2 | 0 |  | i`,
		"SELECT count(*), count(col_description('keys'::regclass, 2)) FROM pg_description WHERE objoid = 'keys'::regclass": `
0 | 0`,
		"SELECT pg_get_indexdef(oid, 0, false), pg_index_column_has_property(oid, 1, 'desc'), pg_index_column_has_property(oid, 3, 'desc'), pg_get_indexdef(oid, 4, false) FROM pg_class WHERE relname = 'keys_many'": `
CREATE INDEX keys_many ON public.keys USING btree (b DESC NULLS LAST, ((a + 1)), a) WHERE (b > 1) | t | f | `,
	} {
		if got := "\n" + rows(sql); got != want {
			t.Errorf("%s\ngot:%s\nwant:%s", sql, got, want)
		}
	}
	// A call in FROM stays one.
	if got := rows("SELECT * FROM pg_get_constraintdef((SELECT oid FROM pg_constraint WHERE conname = 'orders_pkey'))"); got == "" {
		t.Error("no definition from FROM")
	}
}
