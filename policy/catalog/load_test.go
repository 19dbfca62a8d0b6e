package catalog_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

// With these flags TestSnapshotFile writes the snapshot of a database made by a schema file, for golden tests elsewhere:
//
//	go test ./policy/catalog -run TestSnapshotFile -schema x/schema.sql -snapshot x/catalog.json.gz [-role app]
var (
	schemaFlag   = flag.String("schema", "", "SQL file that makes the database")
	snapshotFlag = flag.String("snapshot", "", "file to write its snapshot to")
	roleFlag     = flag.String("role", "", "role to load the snapshot as; default: the superuser")
)

func TestSnapshotFile(t *testing.T) {
	if *schemaFlag == "" || *snapshotFlag == "" {
		t.Skip("needs -schema and -snapshot")
	}
	sql, err := os.ReadFile(*schemaFlag)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := catalog.Encode(&buf, loadFrom(t, "golden", *roleFlag, string(sql))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*snapshotFlag, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

const schema = `
CREATE ROLE loader LOGIN CONNECTION LIMIT 7;
CREATE ROLE grouped NOLOGIN;
GRANT pg_monitor TO grouped;
GRANT grouped TO loader;
CREATE EXTENSION citext;
CREATE SCHEMA shop;
GRANT CREATE ON SCHEMA shop TO loader;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE DOMAIN shop.price AS numeric CHECK (VALUE >= 0);
CREATE TABLE public.tenants (id text PRIMARY KEY);
CREATE TABLE shop.customers (
  tenant_id text NOT NULL REFERENCES public.tenants,
  id bigint GENERATED ALWAYS AS IDENTITY,
  email varchar(80),
  gone int,
  upper_mail text GENERATED ALWAYS AS (upper(email)) STORED,
  PRIMARY KEY (tenant_id, id));
ALTER TABLE shop.customers DROP COLUMN gone;
CREATE UNIQUE INDEX customers_lower ON shop.customers (tenant_id, lower(email)) INCLUDE (upper_mail) WHERE email <> '';
CREATE TABLE shop.orders (
  tenant_id text NOT NULL, id uuid DEFAULT gen_random_uuid(), customer bigint, total shop.price,
  FOREIGN KEY (tenant_id, customer) REFERENCES shop.customers (tenant_id, id) ON DELETE CASCADE);
CREATE TABLE shop.events (tenant_id text, at date) PARTITION BY RANGE (at);
CREATE TABLE shop.events_now PARTITION OF shop.events DEFAULT;
SET search_path = shop;
CREATE VIEW shop.big WITH (security_barrier) AS SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer;
CREATE MATERIALIZED VIEW shop.sums AS SELECT tenant_id, count(*) AS n FROM orders GROUP BY 1;
CREATE FUNCTION shop.one(a bigint, VARIADIC b text[], OUT x int, OUT y text) LANGUAGE sql STABLE AS 'SELECT 1, ''y''';
DO $$ BEGIN -- a body that is parsed when the function is made, which Postgres 13 does not have
  EXECUTE 'CREATE FUNCTION shop.atomic(i int DEFAULT 3) RETURNS int LANGUAGE sql ' ||
    CASE WHEN current_setting('server_version_num')::int >= 140000 THEN 'BEGIN ATOMIC SELECT i + 1; END' ELSE 'AS ''SELECT i + 1''' END;
END $$;
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE RULE nodelete AS ON DELETE TO shop.orders DO INSTEAD NOTHING;
CREATE FUNCTION shop.near(text, text) RETURNS bool LANGUAGE sql AS 'SELECT $1 = $2';
CREATE OPERATOR shop.=~ (LEFTARG = text, RIGHTARG = text, FUNCTION = shop.near);
CREATE CAST (int AS text) WITH INOUT AS ASSIGNMENT;
ALTER ROLE loader SET search_path = '$user', shop, nosuch, public;
GRANT USAGE ON SCHEMA shop TO loader;
`

// loadFrom makes a database by sql and returns its snapshot as the role sees it.
func loadFrom(t *testing.T, database, role, sql string) *catalog.Snapshot {
	t.Helper()
	ctx := context.Background()
	pg := throwawaytest.ForTest(t)
	if err := pg.Exec(ctx, "postgres", "CREATE DATABASE "+database); err != nil {
		t.Fatal(err)
	}
	if err := pg.Exec(ctx, database, sql); err != nil {
		t.Fatal(err)
	}
	if role == "" {
		role = pg.Superuser
	}
	conn, err := pgx.Connect(ctx, pg.DSN(role, database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	s, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoad(t *testing.T) {
	s := loadFrom(t, "load", "loader", schema)

	equal := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", what, got, want)
		}
	}
	equal("database", s.Database, "load")
	equal("search path", s.SearchPath, []string{"shop", "public"})
	if s.ServerVersion < catalog.MinServerVersion {
		t.Errorf("server version %d", s.ServerVersion)
	}
	shop := s.Schemas["shop"]

	customers := shop.Relations["customers"]
	var names []string
	for _, c := range customers.Columns {
		names = append(names, c.Name)
	}
	equal("columns", names, []string{"tenant_id", "id", "email", "upper_mail"})
	equal("email", *customers.Column("email"), catalog.Column{Name: "email", Num: 3, TypeOID: 1043, TypeName: "character varying"})
	equal("identity", customers.Column("id").Identity, byte('a'))
	equal("generated", customers.Column("upper_mail").Generated, byte('s'))
	equal("not null", customers.Column("tenant_id").NotNull, true)
	equal("primary key", customers.PrimaryKey, []string{"tenant_id", "id"})
	equal("indexes", customers.Indexes, []catalog.Index{
		{Name: "customers_lower", Columns: []string{"tenant_id", ""}, Unique: true, Partial: true, Method: "btree"},
		{Name: "customers_pkey", Columns: []string{"tenant_id", "id"}, Unique: true, Primary: true, Method: "btree"},
	})

	equal("uses of a sequence", shop.Relations["customers_id_seq"].Uses, []catalog.SequenceUse{{Table: customers.OID, Column: "id", Owned: true}})

	orders := shop.Relations["orders"]
	equal("foreign keys", orders.ForeignKeys, []catalog.ForeignKey{{
		Name: "orders_tenant_id_customer_fkey", Columns: []string{"tenant_id", "customer"}, Target: customers.OID,
		TargetCols: []string{"tenant_id", "id"}, OnDelete: 'c', OnUpdate: 'a', DeleteSets: []string{}}})
	equal("triggers", orders.Triggers, []string{"touched"})
	equal("trigger functions", len(orders.TriggerFunctions), 1)
	equal("rules", orders.Rules, []string{"nodelete"})
	equal("default", orders.Column("id").HasDefault, true)

	now := shop.Relations["events_now"]
	equal("partition", now.IsPartition, true)
	equal("parents", now.Parents, []uint32{shop.Relations["events"].OID})
	equal("kind of a partitioned table", shop.Relations["events"].Kind, catalog.PartitionedTable)

	big := shop.Relations["big"]
	equal("barrier", big.SecurityBarrier, true)
	for _, name := range []string{"shop.orders", "shop.customers"} {
		if !bytes.Contains([]byte(big.Definition), []byte(name)) {
			t.Errorf("the view's definition does not say %s: %s", name, big.Definition)
		}
	}
	if shop.Relations["sums"].Definition == "" {
		t.Error("a materialized view has no definition")
	}

	one := shop.Functions["one"][0]
	equal("arguments", one.Args, []uint32{20, 1009})
	equal("out columns", one.OutColumns, []string{"x", "y"})
	equal("variadic", one.Variadic, true)
	equal("volatility", one.Volatility, byte('s'))
	if one.Source == "" || shop.Functions["atomic"][0].Source == "" {
		t.Error("a function in language sql has no source")
	}
	equal("defaults", shop.Functions["atomic"][0].Defaults, 1)
	equal("security definer", shop.Functions["touch"][0].SecurityDefiner, true)
	equal("operator", shop.Operators["=~"][0].Function, shop.Functions["near"][0].OID)
	equal("domain", shop.Types["price"].Base, uint32(1700))

	equal("extension of a type", s.Schemas["public"].Types["citext"].Extension, "citext")
	equal("role", s.Role, catalog.UpstreamRole{Name: "loader", CanTemp: true, CanCreateIn: []string{"shop"}, Connections: 7,
		MemberOf: []string{"grouped", "pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables"}})

	if !slices.ContainsFunc(s.Casts, func(c catalog.Cast) bool { return c.Extension == "citext" }) {
		t.Error("the casts of citext are missing")
	}
	if !slices.ContainsFunc(s.Casts, func(c catalog.Cast) bool { return c.Source == 23 && c.Target == 25 && c.Function == 0 }) {
		t.Error("the user's cast without a function is missing")
	}
	hasSystemCatalog(t, s)
}

func hasSystemCatalog(t *testing.T, s *catalog.Snapshot) {
	t.Helper()
	pgCatalog := s.Schemas["pg_catalog"]
	if pgCatalog.Relations["pg_class"] == nil || len(pgCatalog.Functions["lower"]) == 0 || pgCatalog.Types["int4"] == nil ||
		len(pgCatalog.Operators["="]) == 0 {
		t.Error("pg_catalog is not complete")
	}
	if view := pgCatalog.Relations["pg_views"]; view == nil || view.Definition != "" {
		t.Error("pg_views is missing or has a definition")
	}
}

func TestEncodeDecode(t *testing.T) {
	want := loadFrom(t, "encode", "", "CREATE TABLE t (tenant_id text, id int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t")
	var buf bytes.Buffer
	if err := catalog.Encode(&buf, want); err != nil {
		t.Fatal(err)
	}
	t.Logf("a snapshot of an empty database is %d bytes", buf.Len())
	first := slices.Clone(buf.Bytes())
	got, err := catalog.Decode(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the decoded snapshot differs from the one that was encoded")
	}
	buf.Reset()
	if err := catalog.Encode(&buf, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, buf.Bytes()) {
		t.Error("the same snapshot gave other bytes")
	}
}
