package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// server is what one server's pg_catalog holds.
type server struct {
	major     int
	procs     []proc
	operators []operator
	types     []typeRow
}

func load(ctx context.Context, dsn string) (*server, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	s := &server{}
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int / 10000").Scan(&s.major); err != nil {
		return nil, err
	}
	if s.procs, err = loadProcs(ctx, conn); err != nil {
		return nil, fmt.Errorf("read pg_proc: %w", err)
	}
	if s.operators, err = loadOperators(ctx, conn); err != nil {
		return nil, fmt.Errorf("read pg_operator: %w", err)
	}
	if s.types, err = loadTypes(ctx, conn); err != nil {
		return nil, fmt.Errorf("read pg_type: %w", err)
	}
	return s, nil
}

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
select proname, oidvectortypes(proargtypes), prokind::text,
  pronargs - pronargdefaults - (provariadic <> 0)::int, case when provariadic <> 0 then -1 else pronargs end,
  provolatile::text, proleakproof, proisstrict,
  prorettype in (table internal) or exists (select from unnest(proargtypes::oid[]) a where a in (table internal)),
  p.oid in (select f from io),
  p.oid in (select oprcode from pg_operator where oprnamespace = 'pg_catalog'::regnamespace),
  p.oid in (select f from support)
from pg_proc p where pronamespace = 'pg_catalog'::regnamespace and p.oid < 16384`

func loadProcs(ctx context.Context, conn *pgx.Conn) ([]proc, error) {
	rows, err := conn.Query(ctx, procQuery)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (proc, error) {
		var p proc
		err := r.Scan(&p.name, &p.args, &p.kind, &p.min, &p.max, &p.volatility, &p.leakproof, &p.strict, &p.internalTypes, &p.typeIO, &p.operator, &p.support)
		return p, err
	})
}

const operatorQuery = `
select oprname, coalesce(l.typname, ''), coalesce(r.typname, ''), p.proname || '(' || oidvectortypes(proargtypes) || ')'
from pg_operator o join pg_proc p on p.oid = o.oprcode
left join pg_type l on l.oid = oprleft left join pg_type r on r.oid = oprright
where oprnamespace = 'pg_catalog'::regnamespace`

func loadOperators(ctx context.Context, conn *pgx.Conn) ([]operator, error) {
	rows, err := conn.Query(ctx, operatorQuery)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (operator, error) {
		var o operator
		return o, r.Scan(&o.name, &o.left, &o.right, &o.function)
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
