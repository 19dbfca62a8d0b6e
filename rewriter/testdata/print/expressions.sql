SELECT 1, -1, - 1, +1, - (-1), -(1), 2147483647, -2147483648, 2147483648, 9223372036854775808, 1.5, -1.5, .5, 5., 1e10, 1e-10, -1E+5, 0x1F, 0o17, 0b101, 1_000, -0x80000000

SELECT 'a', 'it''s', E'a\\b', 'a\b', E'a\nb', E'tab\t', U&'d\0061t\+000061', $$dollar 'quoted'$$, 'grün 日本', '', ''''

SELECT B'', B'101', X'1F', x'ab', n'national', TRUE, false, NULL

SELECT a.b, a.b.c, s.t.c.d, a.*, *, "Q", "a""b", "ünï", "select", "a.b", "1x", ü, $1, "$x", _a, a$1 FROM a

SELECT count(a.*), (a.*)::text, (a.*) IS NULL, f(a.b.*), ROW(a.*), (a.*, b.*), ROW(a.*, 1)

SELECT a + b - c * d / e % f ^ g, (a + b) * c, a - (b - c), (a - b) - c, a ^ (b ^ c), -a, -a ^ 2, (-a) ^ 2, - (a ^ 2), -(-a), @ -1, @ (-a), + + a, - - a, ~ a, !! a, |/ 25, ||/ 27

SELECT OPERATOR(-) 1, OPERATOR(pg_catalog.-) 1, OPERATOR(-) 1.5, - a, OPERATOR(/) a, OPERATOR(=) a, OPERATOR(<=) a, a OPERATOR(=) b, a OPERATOR("S x".@@) b, a OPERATOR(pg_catalog.+) (b OPERATOR(a.b.*) c)

SELECT a < b, a <= b, a > b, a >= b, a <> b, a != b, a = b, (a = b) = c, a = (b = c), (a < b) < c, a <-> b, a @> b, a ? b, a ?| b, a ->> 'x' -> 'y', a || b || c, a || (b || c), a << b >> c, a & b | c # d

SELECT a AND b OR c AND d, (a OR b) AND (c OR d), NOT a AND NOT b, NOT (a AND b), NOT NOT a, (NOT a) = b, NOT a = b, a AND (b AND c), (a AND b) AND c, a OR (b OR c), (a OR b) IS NOT NULL, (a AND b) IS TRUE, NOT (a IS NULL), (NOT a) IS NULL

SELECT (a = 0 OR b) IS NOT NULL, a IS NULL, a NOTNULL, a ISNULL, (a IS NULL) IS NULL, a = 1 IS NULL, (a IS NULL) = b, a IS TRUE, a IS NOT TRUE, a IS FALSE, a IS NOT FALSE, a IS UNKNOWN, a IS NOT UNKNOWN, -1 IS NULL, (-1)::int IS NULL

SELECT a IN (1, 2), a NOT IN (1, 2), (a, b) IN ((1, 2), (3, 4)), a IN ((SELECT 1), 2), (a IN (1)) IN (true), a IN (b IN (1)), NOT a IN (1), a IN (-1, - b)

SELECT a IN (SELECT 1), a NOT IN (SELECT 1), a = ANY (SELECT 1), a <> ALL (SELECT 1), a < SOME (SELECT 1), (a, b) = ANY (SELECT 1, 2), a LIKE ANY (SELECT 'x'), a NOT ILIKE ALL (SELECT 'x'), a OPERATOR(s.=) ANY (SELECT 1), (a, b) = (SELECT 1, 2)

SELECT a = ANY (b), a = ANY (ARRAY[1, 2]), a = ALL ('{1,2}'::int[]), a LIKE ANY (ARRAY['a', 'b']), a NOT LIKE ALL (b), a ILIKE ANY (b), a OPERATOR(pg_catalog.=) ANY (b), (a = ANY (b)) IS NULL, a = ANY ((SELECT b)::int[])

SELECT EXISTS (SELECT 1), NOT EXISTS (SELECT 1), (SELECT 1), ((SELECT 1)), ARRAY(SELECT 1), ARRAY(SELECT 1 UNION SELECT 2), (SELECT 1) + (SELECT 2), (SELECT a).b, (SELECT a)[1], (SELECT ARRAY[1])[1:2], (ARRAY(SELECT 1))[1], (EXISTS (SELECT 1))::int, (VALUES (1)), (WITH x AS (SELECT 1) SELECT * FROM x)

SELECT a BETWEEN 1 AND 2, a NOT BETWEEN 1 AND 2, a BETWEEN SYMMETRIC 2 AND 1, a NOT BETWEEN SYMMETRIC 2 AND 1, a BETWEEN b - 1 AND b + 1, a BETWEEN -1 AND -b, (a BETWEEN 1 AND 2) AND b, a BETWEEN (b AND c) AND (d OR e), (a BETWEEN 1 AND 2) BETWEEN b AND c, a BETWEEN 1 AND 2 AND b

SELECT a LIKE 'x', a NOT LIKE 'x', a ILIKE 'x', a NOT ILIKE 'x', a LIKE 'x' ESCAPE '!', a NOT LIKE 'x' || b ESCAPE '!', a ILIKE 'x' ESCAPE 'y', a SIMILAR TO 'x', a NOT SIMILAR TO 'x', a SIMILAR TO 'x' ESCAPE '!', a NOT SIMILAR TO 'x' ESCAPE NULL, a LIKE (b LIKE c), (a LIKE b) LIKE c, a LIKE like_escape('a', 'b'), a LIKE pg_catalog.like_escape('a', 'b'), a LIKE pg_catalog.like_escape('a'), a LIKE pg_catalog.like_escape(DISTINCT 'a', 'b')

SELECT a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b, (a IS DISTINCT FROM b) IS DISTINCT FROM c, a IS DISTINCT FROM (b IS NULL), a IS DISTINCT FROM b + 1, NULLIF(a, b), NULLIF(a OR b, c AND d), NULLIF(a, b) + 1

SELECT CASE WHEN a THEN b END, CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' ELSE 'z' END, CASE WHEN a OR b THEN c AND d ELSE NOT e END, CASE (CASE WHEN a THEN b END) WHEN (CASE WHEN c THEN d END) THEN e END, CASE WHEN a THEN b END::text, CASE a = b WHEN c = d THEN e END, (CASE WHEN a THEN b END).c

SELECT COALESCE(a, b, c), GREATEST(a, b), LEAST(a, b + 1), COALESCE(a OR b), COALESCE(a)::int, (COALESCE(a, b)).c, (GREATEST(a, b))[1]

SELECT ARRAY[1, 2], ARRAY[[1, 2], [3, 4]], ARRAY[]::int[], ARRAY[ARRAY[1], ARRAY[2]], (ARRAY[1, 2])[1], (ARRAY[[1, 2]])[1][2], ARRAY[1, 2] || 3, ARRAY[a OR b, c = d]

SELECT a[1], a.b[1], a[1][2], a[1:2], a[:2], a[1:], a[:], a[1].b, a[b + 1:c OR d], (a[1])[2], (a).b, (a).b.c, (a).*, (a.b).c, (a.b).*, ($1).a, $1.a, $1[1], ($1).*, (a[1]).b[2].c, (f(x)).a, (f(x)).*, (f(x))[1], (ROW(1, 2)).f1, ((1, 2)).f1, (a::t).b, (a + b).c, ((a).b).c, (a[1:2])[3], a[b::int:c::int], a[-1:-2], a[$1:$2], ('{1}'::int[])[1], (-1)[1], ((a.*)).b, (a.*)[1], a[1].*

SELECT ROW(), ROW(1), ROW(1, 2), (1, 2), (1, (2, 3)), ROW(ROW(1)), (a, b) = (c, d), ROW(a, b) < ROW(c, d), (a, b) IS NULL, ROW(a, b) IS NOT NULL, (1, 2)::t, ROW(1, 2)::t, (a OR b, c)

SELECT a::int, a::int::text, (a + 1)::int, -1::int, (-1)::int, - (1::int), (a OR b)::int, CAST(a AS int), CAST(a + 1 AS numeric(10, 2)), 'x'::text, text 'x', int '1', float8 '1.5', a::t COLLATE "C", (a COLLATE "C")::text, $1::int, (SELECT 1)::int, f(x)::int, (a IS NULL)::int, 1.5::int, NULL::text, ARRAY[1]::int[], a.b::int, (a.b).c::int, a[1]::int

SELECT a::int, a::int4, a::integer, a::pg_catalog.int4, a::smallint, a::int2, a::bigint, a::int8, a::real, a::float4, a::float, a::float(10), a::float(30), a::double precision, a::float8, a::numeric, a::decimal(5), a::dec(5, 2), a::numeric(5, -2), a::boolean, a::bool, a::pg_catalog.bool, a::text, a::pg_catalog.text, a::json, a::jsonb, a::pg_catalog.json, a::uuid, a::"char", a::pg_catalog."char", a::"int", a::"Odd Type", a::s.t, a::d.s.t, a::s.t(1, 2), a::s.t('x', b), a::varchar, a::varchar(10), a::character varying(10), a::character varying, a::char, a::char(5), a::character(5), a::bpchar, a::bpchar(5), a::pg_catalog.bpchar, a::pg_catalog.bpchar(7), a::national character varying(3), a::nchar(2), a::bit, a::bit(3), a::bit varying, a::bit varying(3), a::varbit, a::pg_catalog.bit, a::pg_catalog.bit(2, 3), a::xml, a::name, a::setof int, a::setof s.t[]

SELECT a::date, a::time, a::time(3), a::time with time zone, a::time(3) with time zone, a::timetz, a::timetz(2), a::time without time zone, a::timestamp, a::timestamp(0), a::timestamp with time zone, a::timestamp(6) with time zone, a::timestamptz, a::timestamptz(3), a::timestamp without time zone, a::pg_catalog.timestamptz, a::pg_catalog.timestamp(3), a::pg_catalog."time"(3)

SELECT a::interval, a::interval(3), a::interval year, a::interval month, a::interval day, a::interval hour, a::interval minute, a::interval second, a::interval second(2), a::interval year to month, a::interval day to hour, a::interval day to minute, a::interval day to second, a::interval day to second(3), a::interval hour to minute, a::interval hour to second, a::interval hour to second(1), a::interval minute to second, a::interval minute to second(6), a::pg_catalog.interval, a::pg_catalog."interval"(4), a::pg_catalog."interval"(32767), a::pg_catalog."interval"(5, 6), a::pg_catalog."interval"(4, 5), interval '1' year, interval '1' day to second(2), interval(3) '1 day', interval '1 day', interval $1

SELECT a::int[], a::int[3], a::int[][], a::int[3][4], a::int array, a::int array[4], a::text[], a::varchar(3)[], a::timestamp with time zone[], a::interval year[], a::numeric(3, 2)[], a::time(2) with time zone[]

SELECT date '2020-01-01', timestamp '2020-01-01', timestamp with time zone '2020-01-01', timestamp(3) with time zone 'x', time '10:00', bool 't', char 'x', char(3) 'x', varchar 'x', varchar(3) 'x', bit '1', bit(3) '101', numeric(3, 1) '1.5', double precision '1', real '1', s.t 'x', s.t(1) 'x', f('x') 'y', json '{}'

SELECT a COLLATE "C", a COLLATE pg_catalog."default", a || b COLLATE "C", (a || b) COLLATE "C", a COLLATE "C" COLLATE "D", a COLLATE "C" < b, f(a COLLATE "C"), -1 COLLATE "C", (a COLLATE "C") IS NULL

SELECT CURRENT_DATE, CURRENT_TIME, CURRENT_TIME(2), CURRENT_TIMESTAMP, CURRENT_TIMESTAMP(0), LOCALTIME, LOCALTIME(1), LOCALTIMESTAMP, LOCALTIMESTAMP(3), CURRENT_ROLE, CURRENT_USER, USER, SESSION_USER, CURRENT_CATALOG, CURRENT_SCHEMA, SYSTEM_USER, current_date + 1, current_user::text

SELECT f(), s.f(), d.s.f(1), f(1, 2), f(a => 1), f(a := 1, "B c" => 2, "select" => 3), f(VARIADIC a), f(1, VARIADIC ARRAY[2]), f(1, a => 2, VARIADIC b => c), "F"(), "select"(1), "coalesce"(1), "rollup"(1), cube(1), grouping(a), s."values"(1), f(DISTINCT a), f(ALL a), f(*), f(a ORDER BY b), f(DISTINCT a, b ORDER BY a DESC NULLS LAST, b USING <), f(VARIADIC a ORDER BY b), f(a OR b, NOT c), f((SELECT 1)), f(((1, 2))), f(f(f(x)))

SELECT count(*), count(*) FILTER (WHERE a OR b), sum(a) OVER (), sum(a) OVER w, sum(a) OVER (w), sum(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d), sum(a) OVER "W w", sum(a) OVER ("rows"), percentile_cont(0.5) WITHIN GROUP (ORDER BY a), rank(1, 2) WITHIN GROUP (ORDER BY a, b DESC), mode() WITHIN GROUP (ORDER BY a) FILTER (WHERE b) FROM t WINDOW w AS (), "W w" AS (PARTITION BY a), "rows" AS (w ORDER BY b)

SELECT sum(a) OVER (ROWS UNBOUNDED PRECEDING), sum(a) OVER (RANGE CURRENT ROW), sum(a) OVER (GROUPS 1 PRECEDING), sum(a) OVER (ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING), sum(a) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), sum(a) OVER (RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), sum(a) OVER (RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), sum(a) OVER (RANGE UNBOUNDED PRECEDING EXCLUDE TIES), sum(a) OVER (GROUPS BETWEEN 1 FOLLOWING AND 2 FOLLOWING EXCLUDE GROUP), sum(a) OVER (ROWS BETWEEN a + 1 PRECEDING AND (b OR c) FOLLOWING EXCLUDE CURRENT ROW), sum(a) OVER (w ROWS BETWEEN $1 PRECEDING AND -1 FOLLOWING EXCLUDE NO OTHERS), sum(a) OVER (PARTITION BY a, b ORDER BY c DESC, d RANGE BETWEEN '1 day'::interval PRECEDING AND CURRENT ROW)

SELECT EXTRACT(year FROM a), EXTRACT('year' FROM a), EXTRACT(epoch FROM a - b), EXTRACT("Odd" FROM a), EXTRACT('o''dd' FROM a), EXTRACT(second FROM a), EXTRACT('text' FROM a), EXTRACT($1 FROM a), "extract"('x', 1), date_part('x', a), EXTRACT(dow FROM interval '1 day')

SELECT OVERLAY(a PLACING b FROM c), OVERLAY(a PLACING b FROM c FOR d), OVERLAY(a, b, c), OVERLAY(a || b PLACING c OR d FROM 1 FOR -1), "overlay"(a), pg_catalog."overlay"(a, b, c)

SELECT POSITION('a' IN b), POSITION(a || b IN c || d), POSITION((a IN (1)) IN b), pg_catalog."position"(a, b), POSITION(a IN -1)

SELECT SUBSTRING(a FROM b), SUBSTRING(a FROM b FOR c), SUBSTRING(a FOR c), SUBSTRING(a FOR c FROM b), SUBSTRING(a SIMILAR b ESCAPE c), SUBSTRING(a, b, c), SUBSTRING(a), substring(), SUBSTRING(a || b FROM c + 1 FOR -1), pg_catalog."substring"(a, 1)

SELECT TRIM(a), TRIM(BOTH a), TRIM(BOTH FROM a), TRIM(BOTH ' ' FROM a), TRIM(LEADING ' ' FROM a), TRIM(TRAILING a), TRIM(' ' FROM a), TRIM(a, b), TRIM(BOTH a FROM b, c), TRIM(FROM a, b, c), TRIM(BOTH a || b FROM c || d), btrim(a), pg_catalog.btrim(a, b)

SELECT NORMALIZE(a), NORMALIZE(a, NFC), NORMALIZE(a || b, NFKD), a IS NORMALIZED, a IS NFC NORMALIZED, a IS NOT NORMALIZED, a IS NOT NFKC NORMALIZED, (a || b) IS NFD NORMALIZED, (a IS NORMALIZED) IS NULL, "normalize"(a, 'NFC'), pg_catalog."normalize"(a)

SELECT a AT TIME ZONE 'UTC', a AT TIME ZONE b AT TIME ZONE c, a AT TIME ZONE (b AT TIME ZONE c), (a + b) AT TIME ZONE 'x' || 'y', a::timestamp AT TIME ZONE 'UTC', (a AT TIME ZONE 'UTC')::date, -a AT TIME ZONE 'x', timezone('UTC', a), pg_catalog.timezone('UTC', a)

SELECT (a, b) OVERLAPS (c, d), (a, b + c) OVERLAPS ROW(d, e), ((a, b) OVERLAPS (c, d)) IS TRUE, "overlaps"(a, b, c, d), COLLATION FOR (a), COLLATION FOR (a || b), (COLLATION FOR (a))::text, TREAT(a AS int), TREAT(a AS s.t)

SELECT XMLCONCAT(a, b), XMLELEMENT(NAME a), XMLELEMENT(NAME "A b", XMLATTRIBUTES(a, b AS "C d", c AS select)), XMLELEMENT(NAME a, b, c), XMLELEMENT(NAME a, XMLATTRIBUTES(b AS c), d OR e, f), XMLFOREST(a, b AS c, d OR e AS f), XMLPARSE(DOCUMENT a), XMLPARSE(CONTENT a PRESERVE WHITESPACE), XMLPARSE(CONTENT a || b STRIP WHITESPACE), XMLPI(NAME a), XMLPI(NAME a, b), XMLROOT(a, VERSION b), XMLROOT(a, VERSION NO VALUE), XMLROOT(a, VERSION b, STANDALONE YES), XMLROOT(a, VERSION b, STANDALONE NO), XMLROOT(a, VERSION NO VALUE, STANDALONE NO VALUE), XMLSERIALIZE(CONTENT a AS text), XMLSERIALIZE(DOCUMENT a AS varchar(10) INDENT), XMLSERIALIZE(CONTENT a AS text NO INDENT), a IS DOCUMENT, a IS NOT DOCUMENT, (a IS DOCUMENT) IS NULL, XMLEXISTS(a PASSING b), XMLEXISTS(a PASSING BY REF b BY VALUE), XMLEXISTS((a || b) PASSING (c || d)), XMLEXISTS((a::text) PASSING (b::xml))

SELECT JSON_OBJECT(), JSON_OBJECT(RETURNING jsonb), JSON_OBJECT('a': 1), JSON_OBJECT('a': 1, 'b' VALUE 2), JSON_OBJECT(a || b: c OR d NULL ON NULL), JSON_OBJECT(a::text: b::int ABSENT ON NULL WITH UNIQUE KEYS RETURNING text FORMAT JSON ENCODING UTF8), JSON_OBJECT('a': b FORMAT JSON), JSON_OBJECT('a': b WITHOUT UNIQUE), JSON_OBJECT('a', 'b'), JSON_OBJECT('{a,b}'), JSON_OBJECT($1: $2), JSON_OBJECT((a AND b): -1)

SELECT JSON_ARRAY(), JSON_ARRAY(RETURNING jsonb), JSON_ARRAY(1, a OR b, c FORMAT JSON), JSON_ARRAY(1 NULL ON NULL), JSON_ARRAY(1 ABSENT ON NULL RETURNING jsonb), JSON_ARRAY(SELECT a FROM b), JSON_ARRAY(SELECT a FROM b ORDER BY c FORMAT JSON RETURNING text), JSON_ARRAY((SELECT 1 LIMIT 1) UNION SELECT 2), JSON_ARRAY((SELECT 1), 2), JSON_ARRAY(VALUES (1))

SELECT JSON_OBJECTAGG(a: b), JSON_OBJECTAGG(a: b ABSENT ON NULL WITH UNIQUE RETURNING jsonb) FILTER (WHERE c), JSON_OBJECTAGG(a VALUE b FORMAT JSON) OVER (PARTITION BY c), JSON_ARRAYAGG(a), JSON_ARRAYAGG(a ORDER BY b DESC NULL ON NULL RETURNING jsonb) FILTER (WHERE c) OVER w, JSON_ARRAYAGG(a ABSENT ON NULL), a IS JSON, a IS NOT JSON, a IS JSON VALUE, a IS JSON OBJECT WITH UNIQUE KEYS, a IS JSON ARRAY, a IS JSON SCALAR WITHOUT UNIQUE KEYS, (a || b) IS JSON, (a IS JSON) IS TRUE

SELECT DEFAULT, (DEFAULT) = 1, text, name, value, key, type, data, owner, "recursive", "set", "first", "of", "nulls", "year", "rows", "only", "user", "current_user" FROM "rows", "only", "set" "partition", a AS "values", "lateral", "unnest"

SELECT "absent", "format", "json", "unique", "without", "value", "at", "zone", "over", "filter", "within", "normalized", "document", "passing", "columns", "path", "standalone" FROM "json_array" "with", "xmltable" "ordinality"

SELECT a."select", a."from".b, "a"."b c"."d""e", a.text, s."Table"."Column" AS "Alias x", 1 AS select, 2 AS "2", 3 AS ü, 4 AS "A", 5 AS text FROM a
