SELECT * FROM orders

SELECT secret FROM orders WHERE NOT (tenant_id = 'acme')

SELECT secret FROM orders --

SELECT secret FROM orders /* x */ ; /* y */

SELECT secret FROM orders ORDER BY total DESC LIMIT 3

SELECT DISTINCT ON (tenant_id) secret FROM orders ORDER BY tenant_id DESC

SELECT CASE WHEN count(*) > 4 THEN 'LEAKED'||'-BIT' END FROM orders

SELECT sum(total) FROM ONLY orders

TABLE ONLY orders

SELECT secret FROM ONLY orders

SELECT secret FROM ONLY (orders)

SELECT secret FROM orders WHERE id = 1005

SELECT payload FROM events_default

SELECT o.secret FROM countries, orders o

SELECT a.secret, b.name FROM orders a, customers b

SELECT o.secret FROM countries x JOIN orders o ON true

SELECT o.secret FROM countries x INNER JOIN orders o ON o.id > 0

SELECT o.secret FROM countries x LEFT JOIN orders o ON true

SELECT o.secret FROM countries x RIGHT JOIN orders o ON false

SELECT o.secret FROM countries x FULL OUTER JOIN orders o ON o.tenant_id = x.code

SELECT o.secret FROM countries x NATURAL LEFT JOIN orders o

SELECT o.secret FROM countries x NATURAL FULL JOIN orders o

SELECT o.secret FROM (SELECT 'acme' AS t) x FULL JOIN orders o ON o.tenant_id = x.t

SELECT x.code, o.secret FROM countries x LEFT JOIN orders o ON o.id = 1001

SELECT o.secret, c.name FROM orders o JOIN customers c USING (tenant_id)

SELECT j.tenant_id, o.secret FROM orders o JOIN customers c USING (tenant_id) AS j

SELECT secret FROM orders NATURAL JOIN orders_archive

SELECT tenant_id, o.secret FROM orders o FULL JOIN customers c USING (tenant_id)

SELECT c.secret FROM orders a, orders b, orders c WHERE a.id=1 AND b.id=1

SELECT d.secret FROM (countries a CROSS JOIN (countries b LEFT JOIN (customers c RIGHT JOIN orders d ON c.id=d.customer_id) ON true))

SELECT j.secret FROM (countries x CROSS JOIN orders o) AS j

SELECT z.secret FROM countries a JOIN (countries b JOIN (countries d JOIN orders z ON true) ON true) ON true

SELECT x.code FROM countries x JOIN countries y ON EXISTS (SELECT 1 FROM orders WHERE secret LIKE 'GLOBEX%')

SELECT l.s FROM countries x LEFT JOIN LATERAL (SELECT string_agg(secret,',') s FROM orders o WHERE o.id > length(x.code)) l ON true

SELECT f FROM orders o, LATERAL jsonb_each_text(to_jsonb(o)) f

SELECT s.secret FROM (SELECT * FROM orders) s

SELECT * FROM (VALUES ((SELECT max(secret) FROM orders))) v(x)

VALUES ('n=1'),('n=2') ORDER BY 1 LIMIT (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001')

SELECT secret FROM orders AS o TABLESAMPLE SYSTEM (100) REPEATABLE (1)

SELECT orders FROM orders

SELECT row_to_json(o) FROM orders o

SELECT (o).* FROM orders o

SELECT max(o.secret) FROM orders o WHERE o IS NOT NULL

SELECT tableoid, ctid, xmin, secret FROM orders WHERE ctid >= '(0,0)'::tid

SELECT secret FROM v_secrets

SELECT secret FROM v_tenant_lie

SELECT secret FROM v_rule

SELECT api_key FROM tenants

SELECT name FROM countries

SELECT secret INTO stolen FROM orders

SELECT secret INTO TEMP stolen FROM orders

SELECT * FROM stolen

SELECT FROM orders

SELECT secret FROM orders WHERE CASE tenant_id WHEN 'globex' THEN true END

SELECT secret, sum(total) FROM orders GROUP BY CUBE (tenant_id, secret), ROLLUP (id)

SELECT (SELECT string_agg(secret, ',') FROM orders)

SELECT name FROM countries WHERE (SELECT string_agg(secret, ',') FROM orders) LIKE '%GLOBEX-SECRET-1001%'

SELECT name FROM countries WHERE NOT EXISTS (SELECT 1 FROM orders WHERE total = 7001)

SELECT x FROM (VALUES ('GLOBEX'||'-SECRET-1001')) v(x) WHERE x IN (SELECT secret FROM orders)

SELECT 'LEAKED'||'-BIT' WHERE 'GLOBEX'||'-SECRET-1001' NOT IN (SELECT secret FROM orders WHERE secret IS NOT NULL)

SELECT 'LEAKED'||'-BIT' WHERE (1001::bigint, 'globex') IN (SELECT id, tenant_id FROM orders)

SELECT code FROM countries ORDER BY CASE WHEN (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001') = 1 THEN code END DESC NULLS FIRST LIMIT 1

SELECT code FROM countries ORDER BY code LIMIT (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001')

SELECT code FROM countries ORDER BY code FETCH FIRST (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001') ROWS ONLY

SELECT CASE WHEN true THEN (SELECT string_agg(secret, ',') FROM orders) END

SELECT CASE WHEN false THEN '' ELSE (SELECT string_agg(secret, ',') FROM orders) END

SELECT GREATEST('', (SELECT string_agg(secret, ',') FROM orders)), LEAST('zzz', (SELECT string_agg(secret, ',') FROM orders))

SELECT ARRAY[(SELECT string_agg(secret, ',') FROM orders)]

SELECT ARRAY(SELECT secret FROM orders)

SELECT length(''), lower((SELECT string_agg(secret, ',') FROM orders))

SELECT make_interval(days => (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001')::int)

SELECT string_agg(code, ',' ORDER BY CASE WHEN (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001')=1 THEN code END DESC) FROM countries

SELECT 'n='||count(*) FILTER (WHERE (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001') = 1) FROM countries

SELECT string_agg(DISTINCT (SELECT string_agg(secret, ',') FROM orders), ';') FROM countries

SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY (SELECT string_agg(secret, ',') FROM orders)) FROM countries

SELECT percentile_disc((SELECT CASE WHEN count(*)>4 THEN 1 ELSE 0 END FROM orders)) WITHIN GROUP (ORDER BY code) FROM countries

SELECT count(*) OVER (PARTITION BY (SELECT string_agg(secret, ',') FROM orders)), (SELECT string_agg(secret, ',') FROM orders) FROM countries

SELECT first_value(code) OVER (ORDER BY CASE WHEN (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001')=1 THEN code END DESC NULLS LAST) FROM countries LIMIT 1

SELECT 'n='||count(*) OVER (ORDER BY code ROWS BETWEEN (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001') PRECEDING AND CURRENT ROW) FROM countries

SELECT 'n='||count(*) OVER (ORDER BY code ROWS BETWEEN CURRENT ROW AND (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001') FOLLOWING) FROM countries

SELECT (SELECT o FROM orders o WHERE id = 1001).secret

SELECT ((SELECT o FROM orders o WHERE id = 1001)).*

SELECT (SELECT string_agg(secret, ',') FROM orders)::varchar(200)

SELECT 'LEAKED'||'-BIT' WHERE 1 BETWEEN (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001') AND 1 AND (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001') BETWEEN 1 AND 1

SELECT 'LEAKED'||'-BIT' WHERE (SELECT string_agg(secret, ',') FROM orders) LIKE '%GLOBEX!-SECRET%' ESCAPE '!'

SELECT 'LEAKED'||'-BIT' WHERE (SELECT secret FROM orders WHERE id=1001) IS NOT NULL

SELECT extract(year FROM date '2024-01-01' + (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001')::int * 366)

SELECT substring((SELECT string_agg(secret, ',') FROM orders) FROM 1 FOR 400), overlay((SELECT string_agg(secret, ',') FROM orders) PLACING '' FROM 1 FOR 1), trim(both ' ' from (SELECT string_agg(secret, ',') FROM orders)), position('X' in (SELECT string_agg(secret, ',') FROM orders))

SELECT xmlparse(content (SELECT string_agg(secret, ',') FROM orders))

SELECT xmlserialize(content xmlcomment((SELECT string_agg(secret, ',') FROM orders)) AS text)

SELECT xmlroot(xmlelement(name a, (SELECT string_agg(secret, ',') FROM orders)), version '1.0')

SELECT * FROM xmltable('/a' PASSING xmlelement(name a, (SELECT string_agg(secret, ',') FROM orders)) COLUMNS x text PATH '.')

SELECT * FROM xmltable((SELECT CASE WHEN count(*)>4 THEN '/a' ELSE '/b' END FROM orders) PASSING xml '<a>hit</a>' COLUMNS x text PATH '.')

SELECT * FROM xmltable('/a' PASSING xml '<a/>' COLUMNS x text PATH 'zz' DEFAULT (SELECT string_agg(secret, ',') FROM orders))

SELECT * FROM xmltable('/a' PASSING xml '<a><b>hit</b></a>' COLUMNS x text PATH (SELECT CASE WHEN count(*)>4 THEN 'b' ELSE 'c' END FROM orders))

SELECT * FROM xmltable(XMLNAMESPACES((SELECT max('urn:x') FROM orders WHERE id=1001) AS n), '/n:a' PASSING xml '<a xmlns="urn:x">hit</a>' COLUMNS x text PATH '.')

SELECT 'LEAKED'||'-BIT' WHERE (SELECT json_agg(secret)::text FROM orders WHERE id=1001) IS JSON ARRAY

SELECT 'n='||g FROM generate_series(1, (SELECT count(*) FROM orders WHERE secret LIKE 'GLOBEX-SECRET-1001')) g

SELECT * FROM unnest(string_to_array((SELECT string_agg(secret, ',') FROM orders), ','))

SELECT code, (SELECT max(o.secret) FROM orders o WHERE o.tenant_id <> countries.code) FROM countries

SELECT unnest(ARRAY(SELECT secret FROM orders))

SELECT secret FROM orders WHERE id = $1

SELECT (SELECT string_agg(secret,',') FROM orders LIMIT $1)

WITH a AS (SELECT secret FROM orders) SELECT * FROM a

WITH a AS MATERIALIZED (SELECT * FROM orders), b AS NOT MATERIALIZED (SELECT secret FROM a) SELECT * FROM b

WITH orders AS (SELECT * FROM orders) SELECT secret FROM orders

SELECT s.x, o.secret FROM (WITH orders AS (SELECT 1 AS x) SELECT x FROM orders) s, orders o

WITH RECURSIVE a AS (SELECT * FROM (WITH b AS (SELECT secret FROM orders) SELECT * FROM b) z), c AS (SELECT 1) SELECT * FROM a

WITH orders AS (SELECT 1) DELETE FROM orders RETURNING secret

WITH orders AS (SELECT 1) INSERT INTO orders(tenant_id, secret) VALUES ('globex','planted') RETURNING tenant_id

WITH "ORDERS" AS (SELECT 1 AS x) SELECT secret FROM orders

WITH ORDERS AS (SELECT 'x'::text AS secret) SELECT secret FROM "orders" UNION ALL SELECT secret FROM "Orders"

WITH U&"\006Frders" AS (SELECT secret FROM orders) SELECT * FROM orders

WITH RECURSIVE orders(id, secret) AS (SELECT id, secret FROM public.orders UNION SELECT id, secret FROM orders) SELECT * FROM orders

WITH d AS (DELETE FROM orders RETURNING *) SELECT secret FROM d

WITH i AS (INSERT INTO documents(id, tenant_id, body) SELECT id+500000, 'acme', secret FROM orders RETURNING body) SELECT * FROM i

WITH a AS (SELECT string_agg(secret,',') s FROM orders) DELETE FROM documents USING a WHERE documents.id = 1 RETURNING a.s

WITH a AS (SELECT 1 AS id, string_agg(secret,',') s FROM orders) MERGE INTO documents d USING a ON d.id = a.id WHEN MATCHED THEN UPDATE SET body = a.s

SELECT 'a' UNION (SELECT 'b' EXCEPT (SELECT 'c' UNION ALL SELECT secret FROM orders)) UNION ALL SELECT secret FROM orders WHERE id=1001

(SELECT secret FROM orders ORDER BY total DESC LIMIT 1) UNION ALL (SELECT name FROM customers ORDER BY id DESC LIMIT 1)

WITH a AS (SELECT secret FROM orders) SELECT 'x' UNION SELECT secret FROM a UNION SELECT secret FROM orders

SELECT * FROM orders UNION ALL SELECT 0,'acme',0,0,'x'

WITH t(id, tenant_id) AS (SELECT id, secret FROM orders) SELECT tenant_id FROM t

SELECT orders.secret FROM countries AS c, orders AS customers, customers AS orders WHERE false OR customers.secret IS NOT NULL

SELECT customers.secret, orders.name FROM orders AS customers, customers AS orders

SELECT countries.secret FROM orders AS countries

SELECT 1 FROM orders AS "o"" WHERE true --"

SELECT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.secret FROM orders AS aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

SELECT 'acme' AS tenant_id, secret FROM orders

SELECT a.e, b.name FROM orders AS a(id,tenant_id,c,d,e) LEFT JOIN customers AS b(id,t,name,email) USING (id)

SELECT orders FROM generate_series(1,2) AS orders

SELECT z.s FROM (SELECT 'acme' AS tenant_id) t, LATERAL (SELECT string_agg(secret,',') s FROM (SELECT secret FROM orders WHERE t.tenant_id = 'acme') q) z

SELECT secret FROM tenants.public.orders

SELECT SECRET FROM ORDERS

SELECT secret FROM PuBlIc.OrDeRs

SELECT secret FROM "Orders"

SELECT secret FROM U&"\006Frders"

SELECT secret FROM U&"p\0075blic".U&"order\0073"

SELECT 1 FROM U&"\D83D\DE00"

SET search_path = archive, public

SELECT secret FROM orders

SET SCHEMA 'archive'

BEGIN

SET LOCAL search_path TO archive

COMMIT

UPDATE pg_settings SET setting='archive' WHERE name='search_path'

SET search_path = "$user", public

SELECT * FROM pg_temp_2.x

SELECT 1

SELECT secret FROM orders_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx

SELECT "tenant_id" FROM orders WHERE "tenant_id" > 'acme'

SELECT secret FROM orders

SELECT 5::bigint === 1001

SELECT 5::bigint OPERATOR(public.===) 1001

SELECT ROW(1001)::order_ref::text

SELECT secret_agg(x) FROM (VALUES (1001::bigint),(1002)) v(x)

SELECT NULL::archive.orders

INSERT INTO orders VALUES (9001,'globex')

INSERT INTO orders DEFAULT VALUES

INSERT INTO documents(id,tenant_id,body) VALUES (9,NULL,'PLANT')

INSERT INTO orders(tenant_id, secret) VALUES (lower('GLOB'||'EX'),'PLANT')

INSERT INTO orders(tenant_id, secret) VALUES ($1, 'PLANT')

INSERT INTO orders(tenant_id, secret) VALUES ($1, 'PLANT'||$1)

INSERT INTO orders(tenant_id, secret) VALUES ((SELECT max(tenant_id) FROM customers),'PLANT')

INSERT INTO orders(tenant_id,secret) SELECT 'acme','PLANT1' UNION ALL SELECT 'globex','PLANT2'

INSERT INTO orders("secret", "tenant_id") VALUES ('PLANT','globex')

INSERT INTO ORDERS(SECRET, TENANT_ID) VALUES ('PLANT','globex')

INSERT INTO customers(id,tenant_id,name,email) OVERRIDING SYSTEM VALUE VALUES (9,'globex','PLANT','p@x')

INSERT INTO countries VALUES ('XX','PLANT')

INSERT INTO documents(id,tenant_id,body) VALUES (9,'acme',(SELECT string_agg(secret,',') FROM orders)) RETURNING body

INSERT INTO orders(id,tenant_id,secret) VALUES (nextval('invoice_seq'),'acme','x') RETURNING id

INSERT INTO orders(tenant_id[1], secret) VALUES ('globex','PLANT')

INSERT INTO customers(tenant_id,name,email) VALUES ('acme','PWNED','gina-'||'GLOBEX'||'-SECRET@globex.test') ON CONFLICT (email) DO UPDATE SET name = 'PWNED'

INSERT INTO orders(id,tenant_id,secret) VALUES (1,'acme','x') ON CONFLICT (id) DO UPDATE SET secret = (SELECT string_agg(secret,',') FROM orders) WHERE EXISTS (SELECT 1 FROM orders WHERE id=1001) RETURNING secret

INSERT INTO customers(tenant_id,name,email) VALUES ('acme','x','gina-'||'GLOBEX'||'-SECRET@globex.test') ON CONFLICT DO NOTHING

INSERT INTO customers(tenant_id,name,email) VALUES ('acme','x','gina-'||'GLOBEX'||'-SECRET@globex.test') ON CONFLICT (email) DO UPDATE SET (name, tenant_id) = (SELECT 'PWNED', 'acme') RETURNING email

INSERT INTO customers(tenant_id,name,email) VALUES ('acme','x','gina-'||'GLOBEX'||'-SECRET@globex.test') ON CONFLICT (email) DO UPDATE SET (name, tenant_id) = ROW('PWNED', DEFAULT) RETURNING email

UPDATE orders SET total = 0 WHERE tenant_id = 'globex'

UPDATE orders SET tenant_id = 'globex' WHERE id = 1

UPDATE orders SET (tenant_id, total) = ('globex', 1) WHERE id = 1

UPDATE orders SET (tenant_id) = ROW('globex') WHERE id = 1

UPDATE orders SET "tenant_id" = 'globex' WHERE id = 1

UPDATE documents d SET body = o.secret FROM orders o WHERE d.id = 1 AND o.id = 1001 RETURNING d.body

UPDATE orders a SET total = b.total FROM orders b WHERE b.id = 1001 AND a.id = 1 RETURNING b.secret

UPDATE documents d SET body = c.name FROM countries x LEFT JOIN customers c ON true WHERE d.id = 1 AND c.id = 101 RETURNING c.name

UPDATE documents SET body = (SELECT string_agg(secret, ',') FROM orders) WHERE id = 1 RETURNING body

UPDATE orders SET total = total WHERE id = 1 RETURNING (SELECT string_agg(secret, ',') FROM orders)

UPDATE ONLY orders SET total = 0

UPDATE orders AS customers SET total = 0 WHERE customers.id > 0

DECLARE c CURSOR FOR SELECT * FROM orders FOR UPDATE

FETCH 5 FROM c

UPDATE orders SET total = 0 WHERE CURRENT OF c

UPDATE v_secrets SET secret = 'PWNED'

DELETE FROM documents d USING orders o WHERE d.id = 1 AND o.id = 1001 RETURNING o.secret

DELETE FROM documents d USING countries c LEFT JOIN orders o ON true WHERE d.id=1 AND o.id=1001 RETURNING o.secret

DELETE FROM orders WHERE EXISTS (SELECT 1 FROM orders WHERE id = 1001) RETURNING secret

DELETE FROM documents WHERE id = 1 RETURNING (SELECT string_agg(secret, ',') FROM orders)

DELETE FROM orders_archive

DELETE FROM orders WHERE (id = 1 OR true) IN (true)

DELETE FROM orders WHERE (id = 1 OR true)::bool

SELECT 1; DELETE FROM orders

SELECT 1; TRUNCATE orders, documents

MERGE INTO ONLY orders o USING (VALUES (1001)) v(id) ON o.id = v.id WHEN NOT MATCHED THEN INSERT (id,tenant_id,secret) VALUES (v.id,'acme','x')

MERGE INTO ONLY orders o USING (VALUES (1)) v(id) ON o.id = v.id WHEN MATCHED THEN UPDATE SET tenant_id = 'globex'

MERGE INTO ONLY documents d USING orders o ON d.id = 1 AND o.id = 1001 WHEN MATCHED THEN UPDATE SET body = o.secret

MERGE INTO ONLY orders o USING (VALUES (1001)) v(id) ON o.id = v.id WHEN MATCHED AND (1/(CASE WHEN o.total = 7001 THEN 0 ELSE 1 END)) = 1 THEN DO NOTHING

COPY orders TO STDOUT

COPY orders (secret) TO STDOUT WITH (FORMAT csv, HEADER)

COPY public.orders TO STDOUT CSV DELIMITER ';'

COPY (SELECT secret FROM orders) TO STDOUT

COPY (INSERT INTO orders(tenant_id,secret) VALUES ('globex','PLANT') RETURNING tenant_id) TO STDOUT

COPY (SELECT * FROM mv_totals) TO STDOUT

COPY (SELECT 1) TO PROGRAM 'id'

COPY documents(body) FROM PROGRAM 'cat /etc/passwd'

COPY orders TO '/var/lib/stolen.csv'

SELECT 1; COPY orders TO STDOUT; SELECT 2

COPY tenants TO STDOUT

PREPARE p(bigint) AS SELECT upper($1)

EXECUTE p(1001)

PREPARE p AS SELECT * FROM orders WHERE total > 7000

EXPLAIN (ANALYZE) EXECUTE p

DECLARE c CURSOR FOR SELECT 1 FROM orders

MOVE ALL IN c

DECLARE c CURSOR FOR SELECT 1

SELECT cursor_to_xml('c'::refcursor, 10, true, true, '')

DECLARE c CURSOR FOR SELECT 1::int

SELECT * FROM all_orders()

SELECT (all_orders()).secret

SELECT run_sql('SELECT string_agg(secret,'','') FROM orders')

SELECT id FROM orders WHERE debug_log(secret)

SELECT public.order_secret(p_id => 1001)

SELECT order_secret(1001) OVER () FROM orders

SELECT pg_temp.f()

SELECT (o.id + 1000).upper FROM orders o

SELECT ('SELECT string_agg(secret,'','') FROM orders'::text).run_sql

SELECT (12345678).pg_terminate_backend

SELECT (0.01::float8).pg_sleep

SELECT ('search_path'::text).current_setting

SELECT ('orders'::regclass).pg_total_relation_size

SELECT ('/etc/passwd'::text).pg_read_file

SELECT (SELECT o FROM orders o WHERE id = 1).peek

SELECT (all_orders()).*

SELECT id FROM orders o WHERE (o.secret).debug_log

SELECT t.ts_stat FROM unnest(ARRAY['SELECT tsv FROM documents']) t

SELECT ('x'::refcursor).cursor_to_xml

CREATE TABLE IF NOT EXISTS t2 AS SELECT secret FROM orders WITH NO DATA

EXPLAIN ANALYZE SELECT * FROM orders WHERE secret LIKE 'GLOBEX%'

EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM orders WHERE total > 7000

EXPLAIN ANALYZE DELETE FROM orders

EXPLAIN SELECT 1 FROM orders WHERE secret >= 'GLOBEX' AND secret < 'GLOBEX-SECRET-1003'

UNLISTEN *

LISTEN "orders"

NOTIFY "orders", 'GLOBEX-SECRET-payload'

SAVEPOINT "px_internal"

ROLLBACK TO "px_internal"

DISCARD ALL

DISCARD TEMP

DISCARD SEQUENCES

SELECT ';' ; SELECT secret FROM orders WHERE secret <> ';'

SELECT $a$;$a$ ; SELECT secret FROM orders WHERE secret <> $b$ ; $b$

;;; ; SELECT secret FROM orders ;;

BEGIN; SELECT 1; COMMIT; SELECT secret FROM orders

BEGIN; SELECT 1

ROLLBACK

SET app.tenant_id = 'globex'

SHOW app.tenant_id

SET SESSION app.tenant_id TO 'globex'

SET APP.Tenant_ID = 'globex'

SELECT set_config('app.tenant_id','globex',false)

WITH x AS MATERIALIZED (SELECT set_config('app.tenant_id','globex',true)) SELECT secret FROM x, orders

SELECT secret FROM set_config('app.tenant_id','globex',true) s, orders

SELECT pg_catalog.set_config(is_local => true, setting_name => 'app.tenant_id', new_value => 'globex')

SET app.tenant_id TO DEFAULT

SET ROLE app_owner

SET ROLE NONE

SET SESSION AUTHORIZATION postgres

SET SESSION AUTHORIZATION DEFAULT

SELECT set_config('role','app_owner',false)

SET backslash_quote = on

SET client_encoding = 'SJIS'

SET NAMES 'GBK'

SET xmloption = document

SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE

SET application_name = 'x'

SET default_transaction_read_only = on

SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE

SET debug_print_plan = on

SET client_min_messages = log

SELECT id FROM orders

SET auto_explain.log_min_duration = 0

SET local_preload_libraries = 'x'

SET dynamic_library_path = '/tmp'

SET plan_cache_mode = force_generic_plan

SET enable_seqscan = off

SET session_replication_role = replica

SET ignore_system_indexes = on

SET jit_provider = '/tmp/x'

SELECT set_config($1, $2, false)

SELECT current_setting($1)

SELECT query_to_xmlschema('SELECT * FROM tenants',true,true,'')

SELECT query_to_xml('DELETE FROM orders RETURNING secret',true,true,'')

SELECT query_to_xml($1,true,true,'')

SELECT query_to_xml('SELECT set_config(''app.tenant_id'',''globex'',false)',true,true,'')

SELECT table_to_xml('orders',true,true,'')

SELECT table_to_xml(('pub'||'lic.orders')::regclass,true,true,'')

SELECT table_to_xml((SELECT oid FROM pg_class WHERE relname='orders' LIMIT 1)::regclass,true,true,'')

SELECT schema_to_xmlschema('public',true,false,'')

SELECT database_to_xmlschema(true,false,'')

SELECT * FROM ts_stat('SELECT tsv FROM documents')

SELECT * FROM ts_stat('SELECT to_tsvector(''simple'',secret) FROM orders')

SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery(''simple'', secret) FROM orders WHERE id=1001')

SELECT ts_rewrite('a'::tsquery,'a'::tsquery,'b'::tsquery)

SELECT currtid2('orders','(0,4)'::tid)

SELECT nextval('orders_id_seq')

SELECT setval('orders_id_seq',1)

INSERT INTO orders(tenant_id,secret) VALUES ('acme','x')

SELECT currval('orders_id_seq')

SELECT pg_sequence_last_value('orders_id_seq'::regclass)

SELECT convert_from(lo_get(424242),'UTF8')

SELECT lo_put(424242, 0, 'PWNED')

SELECT lo_unlink(424242)

SELECT lo_import('/etc/passwd')

SELECT pg_read_file('/etc/passwd')

SELECT pg_stat_file('PG_VERSION')

SELECT pg_advisory_unlock_all()

SELECT pg_listening_channels()

SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()

SELECT pg_relation_size('orders'), pg_total_relation_size('orders'), pg_table_size('orders'), pg_indexes_size('orders')

SELECT pg_stat_get_live_tuples('orders'::regclass), pg_stat_get_tuples_inserted('orders'::regclass)

SELECT txid_current(), pg_current_xact_id(), pg_current_snapshot()

SELECT pg_logical_emit_message(false,'x','y')

SELECT pg_create_logical_replication_slot('s','test_decoding')

SELECT * FROM pg_logical_slot_get_changes('s',NULL,NULL)

SELECT pg_export_snapshot()

SELECT has_table_privilege(secret,'select') FROM orders WHERE secret NOT LIKE 'ACME%'

SELECT id FROM orders WHERE secret NOT LIKE 'ACME%' AND has_schema_privilege(secret,'usage')

SELECT id FROM orders WHERE secret NOT LIKE 'ACME%' AND has_database_privilege(secret,'connect')

SELECT to_regclass('archive.orders')

SELECT pg_get_functiondef('order_secret'::regproc)

SELECT pg_get_partition_constraintdef('events_2024'::regclass)

SELECT * FROM pg_show_all_settings()

SELECT current_setting('ssl_cert_file')

SELECT * FROM pg_prepared_statement()

SELECT * FROM pg_cursor()

SELECT regclassin('archive.orders')

SELECT json_populate_record(NULL::tenants, '{"api_key":"x"}')

SELECT * FROM crosstab('SELECT id::text, tenant_id, secret FROM orders ORDER BY 1') AS t(id text, s text)

SELECT * FROM dblink('host=127.0.0.1 port=55440 user=app_proxy dbname='||current_database(), 'SELECT secret FROM orders') AS t(s text)

SELECT dblink_exec('x','DELETE FROM orders')

SELECT * FROM pgstattuple('orders')

SELECT * FROM pgrowlocks('orders')

SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename='orders'

COPY (SELECT * FROM pg_stats) TO STDOUT

SELECT * FROM pg_stats_ext

SELECT * FROM pg_statistic

SELECT * FROM pg_statistic_ext_data

SELECT 'GLOBEX-SECRET-activity'

SELECT query FROM pg_stat_activity

SET application_name='GLOBEX-SECRET-app'

SELECT application_name, client_addr FROM pg_stat_activity

SELECT pg_advisory_lock(77001)

SELECT objid FROM pg_locks

SELECT relname, n_live_tup, n_tup_ins FROM pg_stat_user_tables

SELECT * FROM pg_stat_xact_user_tables

SELECT * FROM pg_stat_user_indexes

SELECT * FROM pg_stat_user_functions

SELECT * FROM pg_stat_database

SELECT * FROM pg_stat_progress_copy

SELECT * FROM pg_stat_ssl

SELECT query FROM pg_stat_statements

SELECT sequencename, last_value FROM pg_sequences

SELECT oid FROM pg_largeobject_metadata

SELECT name, setting FROM pg_settings WHERE name LIKE '%directory%'

SELECT * FROM pg_db_role_setting

SELECT rolname FROM pg_roles

SELECT qual FROM pg_policies

SELECT definition FROM pg_views WHERE schemaname='public'

SELECT prosrc FROM pg_proc WHERE proname='order_secret'

SELECT pg_get_constraintdef(oid) FROM pg_constraint

SELECT pg_get_expr(relpartbound,oid) FROM pg_class WHERE relispartition

SELECT enumlabel FROM pg_enum

SELECT * FROM pg_description WHERE objoid = 'orders'::regclass

SELECT * FROM information_schema.sequences

SELECT table_schema, table_name FROM information_schema.table_privileges

SELECT relname FROM pg_class WHERE relpersistence='t'

SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid=c.relnamespace WHERE n.nspname='public'

SELECT n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p') AND pg_catalog.pg_table_is_visible(c.oid)

SELECT reltoastrelid::regclass FROM pg_class WHERE relname='orders'

SELECT * FROM pg_replication_slots

SELECT umoptions FROM pg_user_mappings

SELECT srvoptions FROM pg_foreign_server

SELECT * FROM pg_publication_tables

SELECT * FROM pg_hba_file_rules

SELECT * FROM pg_shmem_allocations

SELECT * FROM pg_backend_memory_contexts

SELECT name FROM pg_timezone_names LIMIT 1

UPDATE pg_settings SET setting='archive, public' WHERE name='search_path'

SELECT o.id FROM orders o JOIN pg_stats s ON s.tablename='orders' AND s.most_common_vals::text LIKE '%x%'

INSERT INTO bookings VALUES (3,'acme','[2024-02-01,2025-01-01)','x')

INSERT INTO orders(tenant_id,customer_id,secret) VALUES ('acme',555,'x')

INSERT INTO customers(tenant_id,name,email) VALUES ('acme',NULL,'q@acme.test')

UPDATE orders SET total = -1 WHERE id = 1

SELECT id FROM orders WHERE secret::int > 0

SELECT id FROM orders WHERE secret NOT LIKE 'ACME%' AND secret::bool

SELECT secret::date FROM orders WHERE id > 1000

SELECT id FROM orders WHERE secret NOT LIKE 'ACME%' AND to_tsvector(secret::regconfig,'x') IS NULL

SELECT id FROM orders WHERE 1/(CASE WHEN secret = 'GLOBEX'||'-SECRET-1001' THEN 0 ELSE 1 END) = 1

SELECT id FROM orders WHERE secret NOT LIKE 'ACME%' AND 'x' ~ ('['||secret)

SELECT id FROM (SELECT DISTINCT id, secret FROM orders) s WHERE secret NOT LIKE 'ACME%' AND has_schema_privilege(secret,'usage')

SELECT id FROM (SELECT id, secret FROM orders UNION ALL SELECT 0,'public') s WHERE secret NOT LIKE 'ACME%' AND has_schema_privilege(secret,'usage')

SELECT code FROM countries WHERE EXISTS (SELECT 1 FROM orders o WHERE o.secret NOT LIKE 'ACME%' AND has_schema_privilege(o.secret,'usage'))

SELECT id FROM orders WHERE secret NOT LIKE $1 AND has_schema_privilege(secret,$2)

UPDATE orders SET total = 1 WHERE secret NOT LIKE 'ACME%' AND pg_has_role(secret,'usage')

MERGE INTO ONLY orders o USING (VALUES (1001)) v(id) ON o.id=v.id WHEN MATCHED AND has_schema_privilege(o.secret,'usage') THEN DO NOTHING

SELECT id FROM orders WHERE secret ~ '^GLOBEX-SECRET-1(\w*)*\1\1x$'

SELECT * FROM ts_stat('SELECT 1/0')

SELECT nosuch FROM orders

BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM orders; COMMIT

UPDATE orders SET total = total

INSERT INTO orders(tenant_id,secret) VALUES ('acme','x') RETURNING id

SELECT xmin, ctid FROM orders

SELECT 1 LIMIT (SELECT -total::int FROM orders WHERE id=1001)

SELECT (ARRAY(SELECT secret FROM orders))[5:6]

SELECT secret FROM ONLY orders WHERE (id = 0 OR true) IS NOT NULL

SELECT secret FROM ONLY orders WHERE (id = 0 OR true) NOT IN (false)

SELECT secret FROM ONLY orders WHERE (id = 0 OR true) IN (SELECT true)

SELECT secret FROM ONLY orders WHERE (id = 0 OR true) = ANY (SELECT true)

SELECT secret FROM ONLY orders WHERE CAST(id = 0 OR true AS bool)

SELECT secret FROM ONLY orders WHERE (id = 0 OR (xml '<a/>') IS DOCUMENT) IS NOT NULL

SELECT secret FROM ONLY orders WHERE (id = 0 OR 'a' IS NORMALIZED) IS NOT NULL

SELECT secret FROM ONLY orders WHERE (id::text = '0' OR true) IS NOT NULL AND secret COLLATE "C" > ''

SELECT secret FROM ONLY orders WHERE (NOT (id = 0 OR true)) IS NOT NULL

SELECT secret FROM ONLY orders WHERE ((id = 0 OR true) IS NOT NULL OR false) IS NOT NULL

SELECT tenant_id, max(secret) FROM orders GROUP BY tenant_id HAVING (tenant_id='x' OR true) IS NOT NULL

INSERT INTO orders(id,tenant_id,secret) VALUES (1001,'acme','x') ON CONFLICT (id) DO UPDATE SET total = orders.total WHERE (orders.id = 0 OR true) IS NOT NULL RETURNING orders.secret

SELECT make_interval("days:=1),(SELECT max(secret) FROM orders),make_interval(days" => 1)

SELECT make_interval("days:=1);DELETE FROM orders;SELECT make_interval(days" => 1)

SELECT sum(1) OVER "w FROM countries WINDOW w AS();SELECT secret FROM orders--" FROM countries

SELECT * FROM countries a JOIN countries b USING (code) AS "j CROSS JOIN orders--"

SELECT secret FROM orders WHERE secret = U&'\0027 OR 1=1 --'

SELECT secret AS "x
y" FROM orders

SELECT 2 *- 1, secret FROM orders

SELECT id - -1, - -id, secret FROM orders

SELECT secret FROM orders LIMIT NULL OFFSET 0 ROWS

SELECT secret FROM orders WHERE secret LIKE 'G\%%' ESCAPE '\' OR true

SELECT secret, '{"a":1}'::jsonb -> 'a', '{}'::jsonb @? '$' , '{}'::jsonb ? 'a' FROM orders

SELECT secret FROM orders WHERE (secret SIMILAR TO '%') = true OR false

SET standard_conforming_strings = off

SELECT 'x\', ' UNION SELECT secret FROM orders --'

SELECT secret /* a /* b */ c */ FROM orders

/*+ SeqScan(orders) */ SELECT secret FROM orders

SELECT secretFROMorders

SELECT $a$ $b$ ' $b$ $a$, secret FROM orders

SELECT a$$b FROM (SELECT 1 AS a$$b) x

SELECT $0

SET application_name TO $1

SELECT secret FROM orders WHERE id < 1_000

SELECT secret FROM orders WHERE id < 0xFFFF

SELECT x'1F', b'01', n'abc', secret FROM orders

SELECT system_user

COPY documents FROM STDIN (ON_ERROR ignore)

SET standard_conforming_strings=off

SHOW standard_conforming_strings

PREPARE p AS SELECT 'GLOBEX-SECRET-prep'

EXECUTE p

PREPARE getorder(bigint) AS SELECT 'acme sees '||$1

EXECUTE getorder(1001)

DECLARE c CURSOR WITH HOLD FOR SELECT secret FROM orders WHERE tenant_id='globex'

FETCH ALL FROM c

LISTEN chan1

SELECT pg_advisory_lock(55)

SELECT pg_try_advisory_lock(55)

INSERT INTO orders(tenant_id,secret) VALUES ('globex','x')

SELECT lastval()

SELECT 1/0

SET SESSION AUTHORIZATION app_proxy

SELECT session_user

SHOW auto_explain.log_min_duration

SELECT secret FROM orders_archive

TRUNCATE orders CASCADE

INSERT INTO orders(tenant_id,customer_id,secret) VALUES ('acme',101,'x')

INSERT INTO orders(id,tenant_id,secret) VALUES (1001,'acme','x')

UPDATE orders SET total=0 WHERE id=1001

INSERT INTO orders(id,tenant_id,secret) VALUES (1001,'acme','x') ON CONFLICT (id) DO UPDATE SET total=0

SELECT id FROM orders WHERE has_schema_privilege(secret,'usage')

SELECT * FROM pg_stats WHERE tablename='orders'

MERGE INTO ONLY orders o USING (VALUES (1001)) v(id) ON o.id=v.id WHEN MATCHED THEN DELETE
