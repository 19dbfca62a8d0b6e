-- The tables of TPC-H with a tenant column, and rows for twenty tenants. Keys of tenants overlap; values differ by tenant.
CREATE FUNCTION pick(seed bigint, salt bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT mod(hashint8extended(seed, salt) & 9223372036854775807, n) $$;
CREATE FUNCTION word(seed bigint, salt bigint, VARIADIC words text[]) RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT words[1 + pick(seed, salt, array_length(words, 1))] $$;

CREATE TABLE region (r_regionkey int PRIMARY KEY, r_name text NOT NULL);
CREATE TABLE nation (n_nationkey int PRIMARY KEY, n_name text NOT NULL, n_regionkey int NOT NULL REFERENCES region);
INSERT INTO region SELECT ordinality - 1, r FROM unnest('{AFRICA,AMERICA,ASIA,EUROPE,MIDDLE EAST}'::text[]) WITH ORDINALITY AS u (r);
INSERT INTO nation SELECT ordinality - 1, n, mod(ordinality, 5) FROM unnest('{ALGERIA,ARGENTINA,BRAZIL,CANADA,EGYPT,ETHIOPIA,FRANCE,GERMANY,INDIA,
INDONESIA,IRAN,IRAQ,JAPAN,JORDAN,KENYA,MOROCCO,MOZAMBIQUE,PERU,CHINA,ROMANIA,SAUDI ARABIA,VIETNAM,RUSSIA,UNITED KINGDOM,UNITED STATES}'::text[]) WITH ORDINALITY AS u (n);

CREATE TABLE tenants AS SELECT i::bigint AS n, CASE i WHEN 7 THEN 'acme' WHEN 8 THEN 'globex' ELSE 'tenant' || i END AS id FROM generate_series(1, 20) AS i;

CREATE TABLE supplier (tenant_id text NOT NULL, s_suppkey int, s_name text, s_address text, s_nationkey int, s_phone text, s_acctbal numeric(12,2), s_comment text,
  PRIMARY KEY (tenant_id, s_suppkey));
CREATE TABLE part (tenant_id text NOT NULL, p_partkey int, p_name text, p_mfgr text, p_brand text, p_type text, p_size int, p_container text, p_retailprice numeric(12,2),
  PRIMARY KEY (tenant_id, p_partkey));
CREATE TABLE partsupp (tenant_id text NOT NULL, ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost numeric(12,2), PRIMARY KEY (tenant_id, ps_partkey, ps_suppkey));
CREATE TABLE customer (tenant_id text NOT NULL, c_custkey int, c_name text, c_address text, c_nationkey int, c_phone text, c_acctbal numeric(12,2), c_mktsegment text, c_comment text,
  PRIMARY KEY (tenant_id, c_custkey));
CREATE TABLE orders (tenant_id text NOT NULL, o_orderkey int, o_custkey int, o_orderstatus text, o_totalprice numeric(12,2), o_orderdate date, o_orderpriority text,
  o_comment text, PRIMARY KEY (tenant_id, o_orderkey));
CREATE TABLE lineitem (tenant_id text NOT NULL, l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int, l_quantity numeric(12,2), l_extendedprice numeric(12,2),
  l_discount numeric(12,2), l_tax numeric(12,2), l_returnflag text, l_linestatus text, l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct text,
  l_shipmode text, PRIMARY KEY (tenant_id, l_orderkey, l_linenumber));

INSERT INTO supplier SELECT id, k, 'Supplier#' || k, 'street ' || pick(k, n, 99), pick(k, n + 100, 25), 10 + pick(k, n + 100, 25) || '-' || pick(k, n, 9999), pick(k, n + 1, 10000),
  CASE WHEN pick(k, n + 2, 5) = 0 THEN 'slow Customer, many Complaints' ELSE 'quick' END FROM tenants, generate_series(1::bigint, 40) AS k;
INSERT INTO part SELECT id, k, word(k, n, 'forest', 'green', 'red', 'blue') || ' ' || word(k, n + 1, 'tin', 'steel', 'green'), 'Manufacturer#' || 1 + pick(k, n + 2, 5),
  'Brand#' || 1 + pick(k, n + 2, 5) || 1 + pick(k, n + 3, 5), word(k, n + 4, 'STANDARD', 'SMALL', 'MEDIUM', 'ECONOMY', 'PROMO') || ' ' || word(k, n + 5, 'ANODIZED', 'POLISHED', 'BRUSHED') || ' ' ||
  word(k, n + 6, 'TIN', 'NICKEL', 'BRASS', 'STEEL'), 1 + pick(k, n + 7, 50), word(k, n + 8, 'SM', 'LG', 'MED', 'JUMBO') || ' ' || word(k, n + 9, 'CASE', 'BOX', 'BAG', 'PKG', 'PACK'),
  900 + pick(k, n + 10, 1000) FROM tenants, generate_series(1::bigint, 200) AS k;
INSERT INTO partsupp SELECT id, k, 1 + mod(k + j * 10, 40), 1 + pick(k * 4 + j, n, 9999), 1 + pick(k * 4 + j, n + 1, 1000)
  FROM tenants, generate_series(1::bigint, 200) AS k, generate_series(0::bigint, 3) AS j;
INSERT INTO customer SELECT id, k, 'Customer#' || k, 'road ' || pick(k, n, 99), pick(k, n + 1, 25), 10 + pick(k, n + 1, 25) || '-' || pick(k, n, 9999), pick(k, n + 2, 10000) - 999,
  word(k, n + 3, 'AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD'), 'c' FROM tenants, generate_series(1::bigint, 150) AS k;
INSERT INTO orders SELECT id, k, 1 + pick(k, n, 100), word(k, n + 1, 'F', 'O', 'P'), 1000 + pick(k, n + 2, 400000), date '1992-01-01' + pick(k, n + 3, 2400)::int,
  word(k, n + 4, '1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'), CASE WHEN pick(k, n + 5, 9) = 0 THEN 'special, later requests' ELSE 'plain' END
  FROM tenants, generate_series(1::bigint, 1500) AS k;
INSERT INTO lineitem SELECT o.tenant_id, o_orderkey, p, 1 + mod(p + pick(x, n + 2, 4) * 10, 40), j, 1 + pick(x, n + 3, 50) + CASE WHEN pick(o_orderkey, n + 9, 40) = 0 THEN 50 ELSE 0 END,
  900 + pick(x, n + 4, 90000), pick(x, n + 5, 11) / 100.0, pick(x, n + 6, 9) / 100.0, word(x, n + 7, 'R', 'A', 'N'), word(x, n + 8, 'O', 'F'),
  o_orderdate + 1 + pick(x, n + 10, 120)::int, o_orderdate + 30 + pick(x, n + 11, 60)::int, o_orderdate + 2 + pick(x, n + 10, 120)::int + pick(x, n + 12, 30)::int,
  word(x, n + 13, 'DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'), word(x, n + 14, 'AIR', 'AIR REG', 'MAIL', 'SHIP', 'TRUCK', 'RAIL', 'FOB')
  FROM orders o JOIN tenants t ON t.id = o.tenant_id, generate_series(1::bigint, 4) AS j, LATERAL (SELECT o_orderkey * 10 + j) AS s (x), LATERAL (SELECT 1 + pick(x, n + 1, 200)) AS q (p);
CREATE INDEX ON lineitem (tenant_id, l_partkey, l_suppkey);
CREATE INDEX ON orders (tenant_id, o_custkey);
DROP TABLE tenants;
