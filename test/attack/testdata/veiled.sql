-- The world of veiled-*.case: tenant columns that are hidden from clients, and views that can be written through. Tenants: acme (the attacker) and
-- globex (the victim).
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_proxy') THEN CREATE ROLE app_proxy LOGIN; END IF;
END $$;
CREATE TABLE orders (tenant_id text NOT NULL, id int NOT NULL, secret text, n int, PRIMARY KEY (tenant_id, id));
CREATE UNIQUE INDEX ON orders (tenant_id, n);
CREATE TABLE lines (id int, order_id int, tenant_id text NOT NULL, what text);
CREATE TABLE ruled (id int, tenant_id text NOT NULL, secret text);
CREATE RULE ruled_update AS ON UPDATE TO ruled DO ALSO UPDATE orders SET secret = 'PWNED';
CREATE VIEW v_orders AS SELECT id, secret FROM orders;
CREATE VIEW v_renamed (tenant_id, secret) AS SELECT secret, tenant_id FROM orders;
CREATE VIEW v_swapped (n, secret) AS SELECT secret, n FROM orders;
CREATE VIEW v_failing AS SELECT id, secret, n FROM orders WHERE 1 / (n - 7) <> 5;
CREATE VIEW v_nested AS SELECT id, secret FROM v_failing;
CREATE VIEW v_lines AS SELECT id, secret FROM orders WHERE EXISTS (SELECT 1 FROM lines WHERE lines.order_id = orders.id);
CREATE VIEW v_count AS SELECT count(*) AS n FROM orders;
CREATE VIEW v_row AS SELECT o AS whole FROM orders o;
INSERT INTO orders VALUES ('acme', 1, 'own', 1), ('acme', 2, 'own', 2), ('globex', 1, 'GLOBEX-SECRET', 7), ('globex', 3, 'GLOBEX-SECRET', 3);
INSERT INTO lines VALUES (1, 1, 'acme', 'own'), (2, 2, 'globex', 'GLOBEX-SECRET'), (3, 3, 'globex', 'GLOBEX-SECRET');
INSERT INTO ruled VALUES (1, 'acme', 'own'), (2, 'globex', 'GLOBEX-SECRET');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_proxy;
