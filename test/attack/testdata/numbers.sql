-- The world of numbers-*.case: tenants with numeric ids. The attacker is 16777217, the victim 16777216, next to it as float4 sees them.
-- Every value of the victim's that is worth having holds the marker GLOBEX-SECRET.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_proxy') THEN CREATE ROLE app_proxy LOGIN; END IF;
END $$;
CREATE TABLE ints (org int NOT NULL, id int, secret text);
CREATE TABLE longs (org bigint NOT NULL, id int, secret text);
CREATE TABLE decimals (org numeric NOT NULL, id int, secret text);
CREATE TABLE fixed (org numeric(10,0) NOT NULL, id int, secret text);
CREATE TABLE texts (org text NOT NULL, id int, secret text);
CREATE TABLE varchars (org varchar(20) NOT NULL, id int, secret text);
CREATE TABLE short (org varchar(4), id int, secret text);
CREATE TABLE chars (org char(20) NOT NULL, id int, secret text);
CREATE DOMAIN org_id AS int;
CREATE TABLE domains (org org_id NOT NULL, id int, secret text);
INSERT INTO ints VALUES (16777217, 1, 'own'), (16777216, 2, 'GLOBEX-SECRET');
INSERT INTO longs SELECT * FROM ints; INSERT INTO decimals SELECT * FROM ints; INSERT INTO fixed SELECT * FROM ints; INSERT INTO texts SELECT * FROM ints;
INSERT INTO varchars SELECT * FROM ints; INSERT INTO chars SELECT * FROM ints; INSERT INTO domains SELECT * FROM ints;
INSERT INTO short VALUES ('1677', 2, 'GLOBEX-SECRET');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_proxy;
ANALYZE;
