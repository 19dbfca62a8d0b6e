package catalog_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy/catalog"
	"pgcordon/test/throwaway/throwawaytest"
)

const textSchema = `
CREATE SCHEMA shop;
CREATE DOMAIN shop.price AS numeric CHECK (VALUE >= 0);
CREATE TABLE shop.customers (tenant_id text NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, email varchar(80), gone int,
  upper_mail text GENERATED ALWAYS AS (upper(email)) STORED, PRIMARY KEY (tenant_id, id));
ALTER TABLE shop.customers DROP COLUMN gone;
CREATE UNIQUE INDEX ON shop.customers (tenant_id, lower(email)) INCLUDE (upper_mail) WHERE email <> '';
CREATE TABLE shop.orders (tenant_id text NOT NULL, id uuid, customer bigint, total shop.price,
  FOREIGN KEY (tenant_id, customer) REFERENCES shop.customers (tenant_id, id) ON DELETE CASCADE);
CREATE TABLE shop.events (tenant_id text, at date) PARTITION BY RANGE (at);
CREATE TABLE shop.events_now PARTITION OF shop.events DEFAULT;
CREATE VIEW shop.big WITH (security_barrier) AS SELECT o.id, 'a "quoted" \ text' AS q FROM shop.orders o;
CREATE FUNCTION shop.one(a bigint, VARIADIC b text[], OUT x int, OUT y text) LANGUAGE sql STABLE AS 'SELECT 1, ''y''';
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE RULE nodelete AS ON DELETE TO shop.orders DO INSTEAD NOTHING;
`

// ask runs a query of one text column.
func ask(conn *pgx.Conn) func(sql string) ([]string, error) {
	return func(sql string) ([]string, error) {
		rows, err := conn.Query(context.Background(), sql)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
}

// TestLoadText reads the same snapshot as Load does, sees what the transaction has changed, and leaves the search_path as it was.
func TestLoadText(t *testing.T) {
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	conn, err := pgx.Connect(ctx, server.DSN(server.Superuser, throwawaytest.Database(t, server, textSchema)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	want, err := catalog.Load(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, `BEGIN; SET LOCAL search_path = "$user", shop`); err != nil {
		t.Fatal(err)
	}
	got, err := catalog.LoadText(ask(conn))
	if err != nil {
		t.Fatal(err)
	}
	if got.SearchPathText != `"$user", shop` {
		t.Errorf("search_path: %s", got.SearchPathText)
	}
	if path, err := ask(conn)("SHOW search_path"); err != nil || path[0] != `"$user", shop` {
		t.Errorf("search_path afterwards: %v %v", path, err)
	}
	got.SearchPath, got.SearchPathText = want.SearchPath, want.SearchPathText
	var a, b bytes.Buffer
	if err := catalog.Encode(&a, want); err != nil {
		t.Fatal(err)
	}
	if err := catalog.Encode(&b, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the two snapshots differ")
	}
	if _, err := conn.Exec(ctx, `CREATE TABLE shop.fresh (tenant_id text NOT NULL, id int PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	if got, err = catalog.LoadText(ask(conn)); err != nil {
		t.Fatal(err)
	}
	if r := got.Schemas["shop"].Relations["fresh"]; r == nil || len(r.Columns) != 2 || len(r.PrimaryKey) != 1 {
		t.Errorf("the new table: %+v", r)
	}
}

func TestTemporary(t *testing.T) {
	ctx := context.Background()
	server := throwawaytest.ForTest(t)
	conn, err := pgx.Connect(ctx, server.DSN(server.Superuser, throwawaytest.Database(t, server, textSchema)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := ask(conn)(catalog.TemporaryQuery)
	if err != nil {
		t.Fatal(err)
	}
	if tables, err := catalog.ParseTemporary(rows); tables != nil || err != nil {
		t.Errorf("without tables: %v %v", tables, err)
	}
	if _, err := conn.Exec(ctx, `CREATE TEMP TABLE "a ""b" (id bigint NOT NULL, note text DEFAULT ''); CREATE TEMP TABLE none (); CREATE TEMP VIEW v AS SELECT 1`); err != nil {
		t.Fatal(err)
	}
	if rows, err = ask(conn)(catalog.TemporaryQuery); err != nil {
		t.Fatal(err)
	}
	tables, err := catalog.ParseTemporary(rows)
	if err != nil {
		t.Fatal(err)
	}
	r := tables.Relations[`a "b`]
	if len(tables.Relations) != 2 || r == nil || r.Schema != "pg_temp" || len(r.Columns) != 2 || r.Columns[0].TypeOID != 20 || !r.Columns[0].NotNull || r.Columns[1].Name != "note" {
		t.Fatalf("tables: %v", rows)
	}
	if other := tables.Relations["none"]; other == nil || other.OID == r.OID {
		t.Errorf("two tables are not told apart: %v, %v", r, other)
	}

	if _, err := conn.Exec(ctx, `DROP TABLE "a ""b", none; CREATE TEMP TABLE none (); CREATE TEMP TABLE "a ""b" (id bigint NOT NULL, note text DEFAULT '')`); err != nil {
		t.Fatal(err)
	}
	if rows, err = ask(conn)(catalog.TemporaryQuery); err != nil {
		t.Fatal(err)
	}
	again, err := catalog.ParseTemporary(rows)
	if err != nil {
		t.Fatal(err)
	}
	if again.Key != tables.Key || again.Relations[r.Name].OID != r.OID {
		t.Errorf("the same tables once more differ:\n%s\n%s", tables.Key, again.Key)
	}
}
