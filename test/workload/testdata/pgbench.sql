-- pgbench's tables at scale 1, for two tenants.
CREATE TABLE pgbench_branches (tenant_id text NOT NULL, bid int, bbalance int, filler char(88), PRIMARY KEY (tenant_id, bid));
CREATE TABLE pgbench_tellers (tenant_id text NOT NULL, tid int, bid int, tbalance int, filler char(84), PRIMARY KEY (tenant_id, tid));
CREATE TABLE pgbench_accounts (tenant_id text NOT NULL, aid int, bid int, abalance int, filler char(84), PRIMARY KEY (tenant_id, aid));
CREATE TABLE pgbench_history (tenant_id text NOT NULL, tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
INSERT INTO pgbench_branches SELECT t, 1, 0, '' FROM unnest('{acme,globex}'::text[]) AS t;
INSERT INTO pgbench_tellers SELECT t, i, 1, 0, '' FROM unnest('{acme,globex}'::text[]) AS t, generate_series(1, 10) AS i;
INSERT INTO pgbench_accounts SELECT t, i, 1, 0, '' FROM unnest('{acme,globex}'::text[]) AS t, generate_series(1, 100000) AS i;
