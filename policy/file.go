package policy

// File is policy.yaml as it is written. The tags and doc texts are also what its JSON Schema and its reference are made of.
type File struct {
	Tenant     TenantEntry          `yaml:"tenant" require:"true" doc:"How tenant tables name their tenant, unless a rule says otherwise."`
	Tables     []TableEntry         `yaml:"tables" doc:"Rules in order; the first whose pattern matches a relation decides. A relation that no rule matches is denied."`
	Functions  []FunctionEntry      `yaml:"functions" doc:"Functions of yours that every tenant may call. One that is not named is refused."`
	Extensions []string             `yaml:"extensions" doc:"Extensions whose safe functions and operators every tenant may use: btree_gin, btree_gist, citext, cube, earthdistance, fuzzystrmatch, hstore, intarray, isn, ltree, pg_trgm, pgcrypto, postgis, seg, tablefunc, unaccent, uuid-ossp, vector. Those that run SQL, read tables by name or keep state stay refused. Types of extensions can be used without a line here."`
	Statements StatementsEntry      `yaml:"statements" doc:"Kinds of statements that are refused unless they are opened here."`
	Settings   []string             `yaml:"settings" doc:"Settings of the application's own that clients may SET, SHOW, set_config and current_setting, as app.user_id. Name none that row-level security or functions of the database trust: clients choose their values."`
	Simple     string               `yaml:"simple_statements" enum:"prepared,text" default:"prepared" doc:"How statements of the simple protocol go upstream that come again and again with other literals. prepared: as prepared statements, so that the server need not parse and plan each. text: as text. Clients see no difference."`
	Roles      map[string]RoleEntry `yaml:"roles" doc:"Roles that users of pgcordon.yaml can have, by name."`
}

// TenantEntry is the key tenant.
type TenantEntry struct {
	Column string `yaml:"column" require:"true" doc:"Name of the tenant column."`
	Type   string `yaml:"type" enum:"text,varchar,uuid,int4,int8,numeric,any" default:"any" doc:"Its type. A table whose column has another type is denied. any: each table's own, out of these."`
}

// TableEntry is one element of the key tables.
type TableEntry struct {
	Match      string `yaml:"match" require:"true" doc:"Relations by schema.name: tables, views, materialized views, foreign tables and partitions, each by its own name. A * stands for any run of characters, a part in double quotes is taken as it stands; case matters. The schemas of Postgres itself are never matched."`
	Scope      string `yaml:"scope" require:"true" enum:"tenant,mixed,global,denied" doc:"tenant: rows carry the tenant column. mixed: so they do, and rows in which it is NULL are defaults that everybody reads and nobody writes. global: the same rows for everybody, read-only unless a role has write_global. denied: refused. A view of scope tenant, mixed or global is expanded, and the relations in it follow their own rules."`
	Column     string `yaml:"column" doc:"Tenant column of these tables; default: tenant.column. Only with scope tenant or mixed."`
	Type       string `yaml:"type" enum:"text,varchar,uuid,int4,int8,numeric" doc:"Its type; default: tenant.type. Only with scope tenant or mixed."`
	HideColumn bool   `yaml:"hide_column" default:"false" doc:"true: for applications that were written for one tenant. The tenant column does not exist for clients: not in SELECT *, RETURNING *, whole rows and NATURAL JOIN, not as a column to fill in INSERT without a column list; and naming it is Postgres's error for a missing column. For a view: the column of that name that the view shows. Only with scope tenant or mixed."`
	// SoftDelete is nil when the key was not given.
	SoftDelete *SoftDeleteEntry `yaml:"soft_delete" doc:"Rows of these tables are marked as deleted by a column, and hidden then. Not with scope denied; on views it has no effect, the tables in them follow their own rules."`
}

// SoftDeleteEntry is the key soft_delete of a table rule.
type SoftDeleteEntry struct {
	Column        string `yaml:"column" require:"true" doc:"A timestamptz, timestamp or date that is NULL in live rows, or a boolean that is true in deleted ones."`
	RewriteDelete bool   `yaml:"rewrite_delete" default:"false" doc:"DELETE marks the row (with the time, or true) instead of removing it. Triggers for DELETE and the actions of foreign keys do not run then."`
}

// FunctionEntry is one element of a key functions.
type FunctionEntry struct {
	Name string `yaml:"name" require:"true" doc:"schema.name for every overload, or schema.name(type, ...) for one."`
	Why  string `yaml:"why" require:"true" doc:"Why it cannot reach another tenant's rows; shown by pgcordon check."`
}

// StatementsEntry is the key statements: switches, all of them off by default.
type StatementsEntry struct {
	ExplainAnalyze bool `yaml:"explain_analyze" default:"false" doc:"Allows EXPLAIN with ANALYZE, BUFFERS and costs. Their numbers tell of other tenants: rows removed by a filter, estimates made from everybody's values, blocks read. Off: EXPLAIN shows the plan without numbers."`
	Truncate       bool `yaml:"truncate" default:"false" doc:"Allows TRUNCATE, which becomes the DELETE of all the tenant's own rows."`
	Temporary      bool `yaml:"temporary_tables" default:"false" doc:"Allows temporary tables, made by CREATE TEMPORARY TABLE, CREATE TEMPORARY TABLE AS and SELECT INTO TEMPORARY. They belong to the session alone and are filled with the tenant's rows only."`
	LockTable      bool `yaml:"lock_table" default:"false" doc:"Allows LOCK TABLE in the modes that make other tenants' statements wait (SHARE and stronger). The weaker modes need no right."`
}

// RoleEntry is one value of the key roles.
type RoleEntry struct {
	Access      string          `yaml:"access" enum:"read_only,read_write" default:"read_write" doc:"read_only refuses every statement that writes."`
	ActFor      []string        `yaml:"act_for" doc:"Tenants that a user of this role, having no tenant of its own, may act for. It chooses one at login by the startup option pgcordon.tenant."`
	WriteGlobal bool            `yaml:"write_global" default:"false" doc:"Allows writing to tables of scope global."`
	DDL         bool            `yaml:"ddl" default:"false" doc:"Allows changing the schema (CREATE, ALTER, DROP, COMMENT and the like), DO and CALL. These statements are not confined to a tenant: a role with this right is trusted with every tenant's rows. The catalog is read again before the role's next statement."`
	SeesDeleted bool            `yaml:"sees_deleted" default:"false" doc:"Shows rows that are marked as deleted (soft_delete)."`
	Functions   []FunctionEntry `yaml:"functions" doc:"Functions that this role may call in addition."`
}
