package storage_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
	"pgcordon/proxy/storage"
	"pgcordon/test/throwaway/throwawaytest"
)

const schema = `
CREATE TABLE plain (tenant_id text NOT NULL, v text);
CREATE TABLE numbered ("Tenant" int8 NOT NULL, v text);
CREATE TABLE parted (tenant_id text NOT NULL, n int) PARTITION BY RANGE (n);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parent (tenant_id text NOT NULL);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE shared (v text);
CREATE TABLE hidden (tenant_id text);
CREATE VIEW seen AS SELECT * FROM plain;
INSERT INTO plain SELECT '1', repeat('x', 100) FROM generate_series(1, 10);
INSERT INTO plain VALUES ('2', NULL);
INSERT INTO numbered VALUES (1, 'a'), (1, NULL), (3, 'c');
INSERT INTO parted SELECT '1', generate_series(1, 5);
INSERT INTO parent VALUES ('1'), ('1');
INSERT INTO child VALUES ('1');
INSERT INTO hidden VALUES ('1');
`

const rules = `
tenant: {column: tenant_id, type: any}
tables:
  - {match: public.shared, scope: global}
  - {match: public.hidden, scope: denied}
  - {match: public.numbered, scope: mixed, column: Tenant}
  - {match: "*.*", scope: tenant}
`

func TestMeter(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	dsn := pg.DSN("", throwawaytest.Database(t, pg, schema))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	upstream, err := pgx.ParseConfig(dsn)
	must(t, err)
	conn, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer conn.Close(context.Background())
	snapshot, err := catalog.Load(ctx, conn)
	must(t, err)
	parsed, err := policy.ParsePolicy("policy.yaml", []byte(rules))
	must(t, err)
	var tenants []policy.TenantID
	for _, name := range []string{"1", "2", "4"} {
		id, err := policy.NewTenantID(name)
		must(t, err)
		tenants = append(tenants, id)
	}
	task := storage.Task{Bound: policy.Bind(parsed, snapshot), Upstream: upstream, Tenants: tenants, Every: time.Hour}
	counted := make(chan map[policy.TenantID]storage.Count, 1)
	meter := storage.New(storage.Config{Log: slog.New(slog.DiscardHandler), Task: func() storage.Task { return task },
		Counted: func(c map[policy.TenantID]storage.Count, next time.Time) {
			if left := time.Until(next); left < 50*time.Minute || left > time.Hour {
				t.Errorf("next in %v", left)
			}
			counted <- c
		}})
	done := make(chan struct{})
	go func() { defer close(done); meter.Run(ctx) }()
	first := <-counted
	for i, rows := range []int64{10 + 2 + 5 + 3, 1, 0} {
		if got := first[tenants[i]]; got.Rows != rows || got.Bytes != 0 {
			t.Errorf("tenant %s: %+v, want %d rows", tenants[i], got, rows)
		}
	}
	task.Bytes = true // read by Run after Again
	meter.Again()
	second := <-counted
	// Ten rows of 100 bytes and the short ones, each with its header and the tenant's id.
	if got := second[tenants[0]].Bytes; got < 20*28+10*100 || got > 20*60+10*110 {
		t.Errorf("%d bytes", got)
	}
	if got := second[tenants[2]]; got != (storage.Count{}) {
		t.Errorf("who has nothing has %+v", got)
	}
	cancel()
	<-done
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
