package main

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Functions of pg_catalog that belong to an extension installed there are not built in; plpgsql's are denied anyway.
const procQuery = `
with io as (
  select unnest(array[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze]::oid[]) as f from pg_type),
support as (
  select amproc::oid as f from pg_amproc
  union select unnest(array[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[])
  from pg_aggregate),
internal as (
  select oid from pg_type where typname in ('internal', 'cstring', '_cstring', 'trigger', 'event_trigger', 'language_handler', 'fdw_handler',
    'index_am_handler', 'table_am_handler', 'tsm_handler', 'pg_ddl_command', 'pg_node_tree', 'pg_mcv_list', 'pg_ndistinct', 'pg_dependencies'))
select proname, pg_get_function_identity_arguments(p.oid), prokind::text,
  pronargs - pronargdefaults - (provariadic <> 0)::int, case when provariadic <> 0 then -1 else pronargs end,
  provolatile::text, proleakproof,
  prorettype in (table internal) or exists (select from unnest(proargtypes::oid[]) a where a in (table internal)),
  p.oid in (select f from io),
  p.oid in (select oprcode from pg_operator where oprnamespace = 'pg_catalog'::regnamespace),
  p.oid in (select f from support)
from pg_proc p where pronamespace = 'pg_catalog'::regnamespace`

func loadProcs(ctx context.Context, conn *pgx.Conn) ([]proc, error) {
	rows, err := conn.Query(ctx, procQuery)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (proc, error) {
		var p proc
		err := r.Scan(&p.name, &p.args, &p.kind, &p.min, &p.max, &p.volatility, &p.leakproof, &p.internalTypes, &p.typeIO, &p.operator, &p.support)
		return p, err
	})
}

const operatorQuery = `
select oprname, coalesce(l.typname, ''), coalesce(r.typname, ''), p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
from pg_operator o join pg_proc p on p.oid = o.oprcode
left join pg_type l on l.oid = oprleft left join pg_type r on r.oid = oprright
where oprnamespace = 'pg_catalog'::regnamespace`

func loadOperators(ctx context.Context, conn *pgx.Conn, verdicts map[string]verdict) ([]operator, error) {
	rows, err := conn.Query(ctx, operatorQuery)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (operator, error) {
		var o operator
		err := r.Scan(&o.name, &o.left, &o.right, &o.function)
		o.allowed = verdicts[o.function].allow
		return o, err
	})
}

const typeQuery = `
select t.typname, t.oid, t.typtype::text, coalesce(e.typname, '')
from pg_type t left join pg_type e on e.typarray = t.oid
where t.typnamespace = 'pg_catalog'::regnamespace and t.typrelid = 0 and coalesce(e.typrelid, 0) = 0`

func loadTypes(ctx context.Context, conn *pgx.Conn) ([]typeRow, error) {
	rows, err := conn.Query(ctx, typeQuery)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (typeRow, error) {
		var t typeRow
		err := r.Scan(&t.name, &t.oid, &t.kind, &t.elem)
		return t, err
	})
}
