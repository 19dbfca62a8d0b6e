package policy

// Scope says to whom the rows of a table belong.
type Scope uint8

// The scopes. The zero value is ScopeDenied: what the policy does not name is refused.
const (
	ScopeDenied    Scope = iota // no access
	ScopeTenant                 // each row carries the tenant column
	ScopeGlobal                 // shared reference data, read-only to tenants unless a role may write it
	ScopeTemporary              // a session's own temporary table; no rule gives this scope
	ScopeMixed                  // as ScopeTenant, beside default rows whose tenant column is NULL: everybody reads those, nobody writes them
)

// String returns the scope's name in policy.yaml.
func (s Scope) String() string {
	switch s {
	case ScopeDenied:
		return "denied"
	case ScopeTenant:
		return "tenant"
	case ScopeGlobal:
		return "global"
	case ScopeTemporary:
		return "temporary"
	case ScopeMixed:
		return "mixed"
	}
	return "invalid"
}

// HasTenant reports whether rows of tables of this scope carry the tenant column.
func (s Scope) HasTenant() bool { return s == ScopeTenant || s == ScopeMixed }

// ColumnType is a type that a tenant column may have.
type ColumnType uint8

// The tenant column types. TypeAny is "whatever the catalog says", resolved when the policy is bound.
const (
	TypeAny ColumnType = iota
	TypeText
	TypeVarchar
	TypeUUID
	TypeInt4
	TypeInt8
	TypeNumeric
)

// String returns the type's name in policy.yaml.
func (t ColumnType) String() string {
	switch t {
	case TypeAny:
		return "any"
	case TypeText:
		return "text"
	case TypeVarchar:
		return "varchar"
	case TypeUUID:
		return "uuid"
	case TypeInt4:
		return "int4"
	case TypeInt8:
		return "int8"
	case TypeNumeric:
		return "numeric"
	}
	return "invalid"
}

// ParamOID is the type that the tenant parameter is declared with, such that `column = $n` needs no cast around the column
// and can use its index: varchar compares as text (Postgres manual, "Operator Type Resolution").
func (t ColumnType) ParamOID() uint32 {
	switch t {
	case TypeText, TypeVarchar:
		return 25
	case TypeUUID:
		return 2950
	case TypeInt4:
		return 23
	case TypeInt8:
		return 20
	case TypeNumeric:
		return 1700
	}
	return 0
}

// Policy is a parsed policy.yaml, not yet checked against a catalog. It is immutable.
type Policy struct {
	// Column and Type are the defaults for tables of scope tenant or mixed.
	Column string
	Type   ColumnType
	// Tables are tried in order of written rules; the first whose pattern matches decides.
	Tables []TableRule
	// Functions are the user's functions that tenants may call.
	Functions []FunctionRule
	// Extensions are the extensions whose safe functions and operators tenants may use.
	Extensions []string
	// Settings are settings of the application's own, in lower case, that clients may change and read.
	Settings []string
	// Statements are the kinds of statements that are opened.
	Statements Statements
	// SimpleAsText is set when statements of the simple protocol go upstream as text, and never as prepared statements.
	SimpleAsText bool
	// Roles by name.
	Roles map[string]*Role
}

// Statements says which kinds of statements tenants may run beyond those that every policy allows.
type Statements struct {
	// ExplainAnalyze opens the options of EXPLAIN that show numbers, which tell of other tenants' rows.
	ExplainAnalyze bool
	// Truncate opens TRUNCATE, as a DELETE of the tenant's rows.
	Truncate bool
	// Temporary opens temporary tables.
	Temporary bool
	// LockTable opens LOCK TABLE in modes that conflict with ordinary statements of other tenants.
	LockTable bool
}

// TableRule gives the relations that Match names a scope.
type TableRule struct {
	Match  Pattern
	Scope  Scope
	Column string     // tenant column; empty: the policy's default
	Type   ColumnType // TypeAny: the policy's default
	// HideColumn keeps the tenant column from applications that were written for one tenant.
	HideColumn bool
	// SoftDelete is nil for tables whose rows are deleted for good.
	SoftDelete *SoftDeleteRule
}

// SoftDeleteRule says how a table marks rows as deleted.
type SoftDeleteRule struct {
	// Column is NULL in rows that are not deleted; a boolean one may be false as well.
	Column string
	// RewriteDelete makes DELETE mark the row.
	RewriteDelete bool
}

// FunctionRule vouches for one function of the user's, all overloads or one.
type FunctionRule struct {
	Schema, Name string
	// Args are the type names of one overload as written, nil for every overload.
	Args []string
	// Why is the DBA's reason, shown by `pgcordon check`.
	Why string
}

// Role says what a user with it may do beyond, or short of, an ordinary tenant user.
type Role struct {
	Name string
	// ReadOnly refuses every statement that writes.
	ReadOnly bool
	// WriteGlobal lets the role write tables of scope global.
	WriteGlobal bool
	// DDL lets the role change the schema and run code (DO, CALL). Such a role is trusted: what it runs is not confined.
	DDL bool
	// SeesDeleted lets the role see rows that are marked as deleted.
	SeesDeleted bool
	// ActFor names the tenants for which a user of this role, having no tenant of its own, may act.
	// It chooses one at login, by the startup option pgcordon.tenant.
	ActFor []TenantID
	// Functions are allowed to this role in addition to Policy.Functions.
	Functions []FunctionRule
}
