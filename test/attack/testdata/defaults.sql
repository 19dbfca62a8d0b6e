-- The world of defaults-*.case: default rows, rows marked as deleted, partitions and tables that inherit. Tenants: acme (the attacker) and
-- globex (the victim). Every value of globex's, and what marked rows hold, is GLOBEX-SECRET; default rows are MINE-TOO.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_proxy') THEN CREATE ROLE app_proxy LOGIN; END IF;
END $$;
CREATE TABLE templates (id int PRIMARY KEY, tenant_id text, name text, secret text, n int, UNIQUE (tenant_id, name));
CREATE TABLE tasks (id int PRIMARY KEY, tenant_id text NOT NULL, secret text, n int, deleted_at timestamptz, UNIQUE (tenant_id, n));
CREATE TABLE memos (id int PRIMARY KEY, tenant_id text, secret text, n int, gone boolean);
CREATE TABLE regions (code text PRIMARY KEY, secret text, n int, retired date);
CREATE TABLE events (id int NOT NULL, tenant_id text NOT NULL, secret text, n int) PARTITION BY RANGE (id);
CREATE TABLE events_low PARTITION OF events FOR VALUES FROM (MINVALUE) TO (100);
CREATE TABLE events_high PARTITION OF events FOR VALUES FROM (100) TO (MAXVALUE) PARTITION BY LIST (tenant_id);
CREATE TABLE events_globex PARTITION OF events_high FOR VALUES IN ('globex');
CREATE TABLE events_rest PARTITION OF events_high DEFAULT;
CREATE TABLE notes (id int, tenant_id text NOT NULL, secret text);
CREATE TABLE notes_old (extra text) INHERITS (notes);
CREATE TABLE notes_kept (kept text) INHERITS (notes_old);
CREATE TABLE log (id int, tenant_id text, secret text);
CREATE TABLE log_tenants () INHERITS (log);
CREATE TABLE bills (id int, tenant_id text, org text, secret text);
CREATE TABLE bills_org () INHERITS (bills);
CREATE VIEW named AS SELECT id, name, secret FROM templates;
CREATE VIEW open_tasks AS SELECT id, secret, n FROM tasks;

INSERT INTO templates VALUES (1, 'acme', 'own', 'ACME', 1), (2, 'globex', 'own', 'GLOBEX-SECRET', 0), (3, NULL, 'base', 'MINE-TOO', 3), (4, NULL, 'other', 'MINE-TOO', 0);
INSERT INTO tasks VALUES (1, 'acme', 'ACME', 1, NULL), (2, 'acme', 'GLOBEX-SECRET', 0, now()), (3, 'globex', 'GLOBEX-SECRET', 0, NULL), (4, 'globex', 'GLOBEX-SECRET', 7, now());
INSERT INTO memos VALUES (1, 'acme', 'ACME', 1, false), (2, 'acme', 'GLOBEX-SECRET', 0, true), (3, 'globex', 'GLOBEX-SECRET', 0, NULL), (4, NULL, 'MINE-TOO', 1, NULL), (5, NULL, 'GLOBEX-SECRET', 0, true);
INSERT INTO regions VALUES ('n', 'NORTH', 1, NULL), ('s', 'GLOBEX-SECRET', 0, '2020-01-01');
INSERT INTO events VALUES (1, 'acme', 'ACME', 1), (2, 'globex', 'GLOBEX-SECRET', 0), (101, 'acme', 'ACME', 1), (102, 'globex', 'GLOBEX-SECRET', 0);
INSERT INTO notes VALUES (1, 'acme', 'ACME'), (2, 'globex', 'GLOBEX-SECRET');
INSERT INTO notes_old VALUES (3, 'acme', 'ACME', 'x'), (4, 'globex', 'GLOBEX-SECRET', 'GLOBEX-SECRET');
INSERT INTO notes_kept VALUES (5, 'acme', 'ACME', 'x', 'y'), (6, 'globex', 'GLOBEX-SECRET', 'GLOBEX-SECRET', 'GLOBEX-SECRET');
INSERT INTO log_tenants VALUES (1, 'acme', 'ACME'), (2, 'globex', 'GLOBEX-SECRET');
INSERT INTO bills_org VALUES (1, 'acme', 'acme', 'ACME'), (2, 'acme', 'globex', 'GLOBEX-SECRET');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_proxy;
ANALYZE;
