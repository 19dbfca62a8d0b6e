-- The world of encoding_test.go, in a database whose encoding is LATIN1. Tenants: acme (the attacker) and globex (the victim).
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_proxy') THEN CREATE ROLE app_proxy LOGIN; END IF;
END $$;
CREATE TABLE orders (id int PRIMARY KEY, tenant_id text NOT NULL, secret text);
INSERT INTO orders VALUES (1, 'acme', 'own'), (2, 'globex', 'GLOBEX-SECRET');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_proxy;
