\d
\d+ customers
\d+ orders
\d customers_pkey
\d+ customers_name
\d orders_total
\d large
\di
\dd
SELECT table_name, column_name, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position;
SELECT constraint_name, table_name, column_name, ordinal_position, position_in_unique_constraint FROM information_schema.key_column_usage ORDER BY 1, 4;
SELECT table_name, constraint_type, count(*) FROM information_schema.table_constraints WHERE table_schema = 'public' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT constraint_name, table_name, column_name FROM information_schema.constraint_column_usage ORDER BY 1, 2, 3;
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
SELECT c.conname, array_agg(a.attname ORDER BY k.n) FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY k(num, n), pg_attribute a
    WHERE a.attrelid = c.conrelid AND a.attnum = k.num AND c.contype <> 'n' GROUP BY c.conname ORDER BY 1;
SELECT ci.relname, a.attname, (i.keys).n, i.indoption[(i.keys).n - 1] AS indoption, pg_get_indexdef(ci.oid, (i.keys).n, false) AS definition FROM
    (SELECT x.indexrelid, x.indrelid, x.indoption, information_schema._pg_expandarray(x.indkey) AS keys FROM pg_index x) i
    JOIN pg_class ci ON ci.oid = i.indexrelid LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = (i.keys).x
    WHERE ci.relname ~ '^(customers|orders)' ORDER BY 1, 3;
\echo == end
