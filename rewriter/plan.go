package rewriter

import "pgcordon/policy"

// Kind is what a statement does, as far as the session has to know.
type Kind uint8

// The statement kinds that a plan can hold. Everything else is a Denial.
const (
	KindInvalid    Kind = iota
	KindEmpty           // nothing but white space and comments
	KindSelect          // SELECT, VALUES, TABLE; may contain data-modifying CTEs (see Statement.Writes)
	KindInsert          //
	KindUpdate          //
	KindDelete          //
	KindBegin           // BEGIN, START TRANSACTION
	KindCommit          // COMMIT, END
	KindRollback        // ROLLBACK, ABORT
	KindSavepoint       //
	KindRelease         //
	KindRollbackTo      // ROLLBACK TO SAVEPOINT
	KindSet             // SET, RESET, SET TRANSACTION
	KindShow            //
	KindExplain         //
	KindTemporary       // makes, changes or drops temporary tables
	KindDDL             // changes the schema, or runs code that may: the catalog has to be read again
	KindMerge           //
	KindPrepare         // PREPARE of a statement
	KindExecute         // EXECUTE
	KindDeallocate      // DEALLOCATE; without a name of all
	KindDeclare         // DECLARE CURSOR
	KindFetch           // FETCH, MOVE
	KindClose           // CLOSE; without a name of all
	KindDiscard         // DISCARD PLANS, SEQUENCES, TEMP
	KindDiscardAll      // DISCARD ALL
	KindTruncate        //
	KindLock            // LOCK TABLE
	KindCopy            // COPY TO STDOUT, COPY FROM STDIN
	KindListen          //
	KindUnlisten        // without a name of all
	KindNotify          //
)

// Plan is what the rewriter makes of one client text. It holds no tenant: one plan serves every tenant,
// and is shared between goroutines, so nobody changes it.
type Plan struct {
	// SQL is the whole rewritten text; statements are separated by "; ".
	// In it the tenant stands as parameters, see Tenants.
	SQL string
	// Statements has one entry for each statement of the client's text.
	Statements []Statement
	// ClientParams is how many parameters the client may bind: the highest of its own $n and of the types it declared.
	ClientParams int
	// Tenants are the parameters appended for the tenant, one for each distinct type, numbered from ClientParams+1 in order.
	// Empty when no relation of scope tenant is touched.
	Tenants []TenantParam
	// Spliced is set when a statement can carry no parameters, as COPY: then the tenant is spliced into the text in both protocols, and a
	// statement prepared from it belongs to one tenant.
	Spliced bool
	// splices are the byte ranges of the tenant parameters in SQL, ascending.
	splices []splice
	// origins tell where in the client's text stands what stands in SQL: byte offsets in SQL, positions in the client's text.
	origins []origin
	// names are those that stand in SQL otherwise than the client wrote them.
	names []writtenName
	// hidden are the hidden columns of all tables: no hint may name them.
	hidden []string
	// through is set when a view is written through: the table below it has columns that the client does not know, which no hint may name.
	through bool
	// ParamTypes are the types to declare in Parse for the client's parameters, from $1 on: what the client declared, and for a parameter that
	// stands only where the tenant's id must stand, and so not in SQL, the column's. 0, or a missing one at the end, leaves it open.
	ParamTypes []uint32
	// Constants are texts that the client wrote where the tenant's id must stand. The executor refuses the plan
	// for a tenant whose id is not equal to each of them (Plan.CheckConstants).
	Constants []TenantConstant
	// Params are the client's parameters that stand where the tenant's id must stand:
	// checked at each Bind (Plan.CheckParam), refused in Parse when it cannot be.
	Params []TenantArgument
	// Relations tell what was done to each relation, in order of appearance, for explain and logs.
	Relations []RelationNote
	// Effects are what the plan may do to the state of its session upstream.
	Effects Effects
	// Fingerprint is libpg_query's fingerprint of the client's text: 16 hex digits, without values.
	Fingerprint string
	// size is what the plan counts for in the cache, in bytes.
	size int
}

// Statement is one statement of a plan.
type Statement struct {
	Kind Kind
	// Writes is set for INSERT, UPDATE, DELETE, MERGE, TRUNCATE, for a SELECT with a data-modifying CTE, and for EXPLAIN ANALYZE of these.
	Writes bool
	// Changes is what the statement does to rows.
	Changes Changes
	// Returns is set when the statement can return rows.
	Returns bool
	// Tag is the command tag that the client gets, where it is not the upstream's, but for the count that follows: a DELETE can have become an
	// UPDATE, a TRUNCATE a DELETE.
	Tag string
	// Locks is how Postgres names a SELECT with a locking clause where it refuses one, as SELECT FOR UPDATE; empty for others. In what goes
	// upstream the clause may stand deeper.
	Locks string
	// Setting is what a KindSet statement changes, or a set_config; nil for others.
	Setting *SettingChange
	// Name is the client's name for the prepared statement or cursor that the statement is about.
	Name string
	// Prepared is what a KindPrepare statement makes.
	Prepared *Prepared
	// Executes is set for KindExecute, and for an EXPLAIN or CREATE TABLE AS of it: the statement runs what PREPARE has made under Name.
	Executes bool
	// Arguments are those of the EXECUTE.
	Arguments []ExecuteArgument
	// Copy is set for KindCopy.
	Copy *Copy
}

// TenantParam is one appended parameter whose value is the tenant's id.
type TenantParam struct {
	Number int // n of $n
	Type   policy.ColumnType
	OID    uint32 // Type.ParamOID(): declared in Parse
}

type splice struct {
	start, end int
	tenant     int    // index into Tenants
	channel    string // the client's channel whose placeholder this is; empty for a tenant parameter
}

// TenantConstant is a constant of the client's that must be equal to the tenant's id under the comparison of Type.
type TenantConstant struct {
	Text     string
	Type     policy.ColumnType
	Position int // in the client's text: 1-based count of characters, as Postgres reports positions
	Table    string
}

// TenantArgument is a parameter of the client's that must be equal to the tenant's id under the comparison of Type.
type TenantArgument struct {
	Number   int // n of $n
	Type     policy.ColumnType
	OID      uint32 // the column's own type
	Position int
	Table    string
}

// RelationNote says what became of one relation that the client's text names.
type RelationNote struct {
	Relation  string // schema.name
	Alias     string
	Scope     policy.Scope
	Predicate string // as "o.tenant_id = $1"; empty for scope global
	Place     string // where it stands and why, as "WHERE", "ON of the LEFT JOIN: its nullable side", "sub-select: FULL JOIN"
}

// SettingChange is what SET or RESET does to one setting.
type SettingChange struct {
	Name  string   // lower case
	Value string   // as SHOW prints it; for search_path the list as written to be sent upstream
	Path  []string // for search_path: the schemas
	Local bool     // SET LOCAL
	Reset bool     // RESET name, SET name TO DEFAULT
	All   bool     // RESET ALL
}
