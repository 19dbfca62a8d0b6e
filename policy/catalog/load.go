package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// MinServerVersion is the oldest server_version_num that Load accepts.
const MinServerVersion = 130000

// IsSystem reports whether a schema belongs to Postgres itself.
func IsSystem(schema string) bool {
	return schema == "pg_catalog" || schema == "information_schema"
}

// Load reads the snapshot of the database that conn is connected to, as its role sees it.
// It takes no row locks; the transaction it opens is rolled back.
func Load(ctx context.Context, conn *pgx.Conn) (*Snapshot, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	return (&loader{reader: transaction{ctx, tx}, snap: newSnapshot()}).load()
}

func newSnapshot() *Snapshot {
	return &Snapshot{
		Schemas:   map[string]*Schema{},
		ByOID:     map[uint32]*Relation{},
		TypeByOID: map[uint32]*Type{},
	}
}

func (l *loader) load() (*Snapshot, error) {
	steps := []struct {
		what string
		run  func() error
	}{
		{"server", l.server},
		{"role", l.role},
		{"schemas", l.schemas},
		{"relations", l.relations},
		{"columns", l.columns},
		{"indexes", l.indexes},
		{"foreign keys", l.foreignKeys},
		{"inheritance", l.inheritance},
		{"triggers and rules", l.triggersAndRules},
		{"sequences", l.sequences},
		{"functions", l.functions},
		{"operators", l.operators},
		{"types", l.types},
		{"casts", l.casts},
		{"code of users", l.code},
	}
	for _, s := range steps {
		if err := s.run(); err != nil {
			return nil, fmt.Errorf("reading the catalog: %s: %w", s.what, err)
		}
	}
	return l.snap, nil
}

// loader holds what the steps of one Load share.
type loader struct {
	reader
	snap *Snapshot
}

// reader runs the queries of a Load.
type reader interface {
	// each calls row for each row of a query, whose values then stand in dest.
	each(sql string, dest []any, row func()) error
	// plainNames empties the search_path, so that every text the server prints from here on is schema-qualified.
	plainNames() error
}

// transaction is the reader of a connection that has nothing else to do.
type transaction struct {
	ctx context.Context
	tx  pgx.Tx
}

func (t transaction) plainNames() error {
	_, err := t.tx.Exec(t.ctx, `SET LOCAL search_path = ''`)
	return err
}

func (t transaction) each(sql string, dest []any, row func()) error {
	rows, err := t.tx.Query(t.ctx, sql)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, dest, func() error {
		row()
		return nil
	})
	return err
}

// server reads the version and the search path, and then empties the latter.
func (l *loader) server() error {
	var path []string
	err := l.each(`SELECT current_setting('server_version_num')::int, current_database()::text,
	       current_schemas(false)::text[], current_setting('search_path'), current_setting('server_encoding')`,
		[]any{&l.snap.ServerVersion, &l.snap.Database, &path, &l.snap.SearchPathText, &l.snap.Encoding}, func() {})
	if err != nil {
		return err
	}
	if l.snap.ServerVersion < MinServerVersion {
		return fmt.Errorf("server version %d is too old: 13 is the oldest that is supported", l.snap.ServerVersion/10000)
	}
	l.snap.SearchPath = []string{}
	for _, s := range path {
		if !strings.HasPrefix(s, "pg_temp") && s != "pg_catalog" {
			l.snap.SearchPath = append(l.snap.SearchPath, s)
		}
	}
	return l.plainNames()
}

func (l *loader) role() error {
	r := &l.snap.Role
	return l.each(`
SELECT r.rolname::text, r.rolsuper, r.rolbypassrls, r.rolcreatedb, r.rolcreaterole,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP'),
       ARRAY(WITH RECURSIVE up(oid) AS (
               SELECT m.roleid FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid
               UNION
               SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN up ON m.member = up.oid)
             SELECT g.rolname::text FROM up JOIN pg_catalog.pg_roles g ON g.oid = up.oid ORDER BY 1),
       ARRAY(SELECT n.nspname::text FROM pg_catalog.pg_namespace n
             WHERE `+userSchemas+` AND pg_catalog.has_schema_privilege(n.oid, 'CREATE') ORDER BY 1),
       (SELECT least(pg_catalog.current_setting('max_connections')::int - pg_catalog.current_setting('superuser_reserved_connections')::int
                       - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0),
                     nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`,
		[]any{&r.Name, &r.Superuser, &r.BypassRLS, &r.CreateDB, &r.CreateRole, &r.CanTemp, &r.MemberOf, &r.CanCreateIn, &r.Connections}, func() {})
}

// loadedSchemas and userSchemas are conditions on pg_namespace n.
const (
	loadedSchemas = `(n.nspname <> 'pg_toast' AND n.nspname !~ '^pg_(toast_)?temp_')`
	userSchemas   = `(n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' AND ` + loadedSchemas + `)`
)

func (l *loader) schemas() error {
	var name string
	return l.each(`SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE `+loadedSchemas, []any{&name}, func() {
		l.snap.Schemas[name] = newSchema(name)
	})
}

func newSchema(name string) *Schema {
	return &Schema{
		Name:      name,
		Relations: map[string]*Relation{},
		Functions: map[string][]*Function{},
		Operators: map[string][]*Operator{},
		Types:     map[string]*Type{},
	}
}

func (l *loader) casts() error {
	var c Cast
	// 16384 is FirstNormalObjectId: what initdb made lies below it.
	return l.each(`
SELECT c.castsource, c.casttarget, c.castfunc, coalesce(g.lanname::text, ''), coalesce(e.extname::text, ''), c.castcontext
FROM pg_catalog.pg_cast c
LEFT JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_language g ON g.oid = p.prolang
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE c.oid >= 16384 OR n.nspname <> 'pg_catalog'
ORDER BY c.castsource, c.casttarget`,
		[]any{&c.Source, &c.Target, &c.Function, &c.Language, &c.Extension, &c.Context}, func() {
			l.snap.Casts = append(l.snap.Casts, c)
		})
}
