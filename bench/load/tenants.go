package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgcordon/bench/report"
	"pgcordon/bench/stand"
)

// makeTenants makes the 1,000 tables. The rows are in those that both policies name, one of each tenant: what is compared is the
// policy, so the statements are the same.
func makeTenants(ctx context.Context, s *stand.Stand, z Sizes) error {
	err := s.Exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
		EXECUTE format('CREATE TABLE %%I (tenant_id text, id int, note text, PRIMARY KEY (tenant_id, id))', 'm_' || to_char(i, 'FM0000'));
		END LOOP; END $$`, stand.ManyTables))
	if err != nil {
		return err
	}
	for i := range stand.FewTables {
		table := stand.TenantTable(i + 1)
		err := s.Exec(ctx, fmt.Sprintf("INSERT INTO %s SELECT 't' || n, 1, 'note of tenant ' || n FROM generate_series(1, %d) n", table, z.Tenants))
		if err != nil {
			return err
		}
		if err := s.Exec(ctx, "VACUUM ANALYZE "+table); err != nil {
			return err
		}
	}
	return s.StartTenants(ctx, z.Tenants)
}

// runTenants logs each client in as another tenant.
func runTenants(ctx context.Context, j Job) (report.Measurement, error) {
	return drive(ctx, j, func(ctx context.Context, i int) (client, error) {
		r := random(j, i)
		conn, err := j.connect(ctx, r.IntN(j.Target.Tenants)+1)
		if err != nil {
			return nil, err
		}
		return &tenantClient{conn: conn, pick: func() string { return stand.TenantTable(r.IntN(stand.FewTables) + 1) }}, nil
	})
}

type tenantClient struct {
	conn *pgx.Conn
	pick func() string
}

func (c *tenantClient) prepare(context.Context) error { return nil }

func (c *tenantClient) transact(ctx context.Context) error {
	var note string
	return c.conn.QueryRow(ctx, "SELECT note FROM "+c.pick()+" WHERE id = $1", 1).Scan(&note)
}

func (c *tenantClient) close() { (&shopper{conn: c.conn}).close() }
