-- The world of quotes-*.case: tenants whose ids hold everything that could end a literal. The attacker is a'\"$1$$é%, the victim a''\"$1$$é%.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_proxy') THEN CREATE ROLE app_proxy LOGIN; END IF;
END $$;
CREATE TABLE notes (tenant_id text NOT NULL, id int, secret text, UNIQUE (tenant_id, id));
INSERT INTO notes VALUES ('a''\"$1$$é%', 1, 'own'), ('a''''\"$1$$é%', 1, 'GLOBEX-SECRET'), ('a''\"$1$$É%', 1, 'GLOBEX-SECRET'), ('a', 1, 'GLOBEX-SECRET'),
  (U&'a''\\"$1$$e\0301%', 1, 'GLOBEX-SECRET');
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO app_proxy;
