package catalog

// RelationKind is pg_class.relkind.
type RelationKind byte

// The relation kinds (Postgres manual, pg_class).
const (
	Table            RelationKind = 'r'
	PartitionedTable RelationKind = 'p'
	View             RelationKind = 'v'
	MaterializedView RelationKind = 'm'
	ForeignTable     RelationKind = 'f'
	Sequence         RelationKind = 'S'
	CompositeType    RelationKind = 'c'
)

// Snapshot is the catalog of an upstream database at one moment. It is immutable once loaded.
type Snapshot struct {
	// ServerVersion is server_version_num, as 150018.
	ServerVersion int
	Database      string
	// Encoding is the database's, as UTF8.
	Encoding string
	// SearchPath is current_schemas(false) of the upstream role's default setting, without schemas that do not exist.
	SearchPath []string
	// SearchPathText is that setting as SHOW prints it.
	SearchPathText string
	Schemas        map[string]*Schema
	// ByOID finds a relation by its pg_class.oid.
	ByOID map[uint32]*Relation
	// TypeByOID finds a type by its pg_type.oid.
	TypeByOID map[uint32]*Type
	Casts     []Cast
	Role      UpstreamRole
}

// Schema holds what a namespace contains, by name.
type Schema struct {
	Name      string
	Relations map[string]*Relation
	Functions map[string][]*Function // overloads
	Operators map[string][]*Operator // overloads
	Types     map[string]*Type
}

// Relation is a table, view, sequence or other pg_class row that has columns.
type Relation struct {
	OID          uint32
	Schema, Name string
	Kind         RelationKind
	Owner        string
	Extension    string   // owning extension, empty for none
	Columns      []Column // in attnum order, without dropped ones
	// PrimaryKey lists the key's column names; nil for none.
	PrimaryKey []string
	Unique     []Index // unique indexes and constraints, the primary key among them
	// Indexes lists every index of the table.
	Indexes     []Index
	ForeignKeys []ForeignKey
	// Parents are the relations this one inherits from or is a partition of.
	Parents     []uint32
	IsPartition bool
	// Definition is the view's query, every name schema-qualified; empty for other kinds.
	Definition      string
	SecurityBarrier bool
	SecurityInvoker bool
	// CheckOption is set for a view WITH CHECK OPTION, local or cascaded.
	CheckOption bool
	RowSecurity bool
	// Uses are the columns that a sequence belongs to or is drawn from by; nil for other kinds.
	Uses []SequenceUse `json:",omitempty"`
	// Rules and Triggers are the names of user-defined ones.
	Rules, Triggers []string
	// TriggerFunctions are the functions, as schema.name, that Triggers run.
	TriggerFunctions []string
	// WritesRunCode is set when a write to it can run a function of users that may do anything: by triggers, defaults, checks and policies, of its own, of its
	// children and of tables that the actions of foreign keys reach. ReadsRunCode is set when its policies run one.
	WritesRunCode, ReadsRunCode bool `json:",omitempty"`
}

// Column returns the named column, or nil.
func (r *Relation) Column(name string) *Column {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return &r.Columns[i]
		}
	}
	return nil
}

// Column is one column of a relation.
type Column struct {
	Name       string
	Num        int16 // attnum
	TypeOID    uint32
	TypeName   string // format_type without a modifier, as "character varying"
	NotNull    bool
	HasDefault bool
	Identity   byte // 'a', 'd' or 0
	Generated  byte // 's', 'v' or 0
	// Folding is set when the collation is nondeterministic: texts that differ can be equal.
	Folding bool
	// Collation is the oid of a collation other than the default; 0 for none.
	Collation uint32 `json:",omitempty"`
}

// Index is one index. An expression in it stands as an empty column name.
type Index struct {
	Name      string
	Columns   []string
	Unique    bool
	Primary   bool
	Partial   bool
	Exclusion bool
	Method    string
}

// ForeignKey is one FOREIGN KEY constraint.
type ForeignKey struct {
	Name       string
	Columns    []string
	Target     uint32 // oid of the referenced relation
	TargetCols []string
	OnDelete   byte // pg_constraint.confdeltype
	OnUpdate   byte
	// DeleteSets are the columns that ON DELETE SET NULL and SET DEFAULT name; none for all of Columns.
	DeleteSets []string
}

// Function is one pg_proc row.
type Function struct {
	OID          uint32
	Schema, Name string
	Kind         byte // prokind: f, p, a, w
	// Args are the input argument types; IdentityArgs their pg_get_function_identity_arguments text.
	Args            []uint32
	IdentityArgs    string
	Variadic        bool
	Defaults        int // number of arguments with a default
	Return          uint32
	ReturnsSet      bool
	OutColumns      []string // names of OUT and TABLE arguments
	Language        string
	Extension       string // owning extension, empty for none
	Volatility      byte   // i, s, v
	LeakProof       bool
	Strict          bool // proisstrict: NULL for a NULL argument
	SecurityDefiner bool
	Cost            float64
	Source          string // prosrc for user functions in language sql and plpgsql; empty for pg_catalog
}

// Operator is one pg_operator row.
type Operator struct {
	OID          uint32
	Schema, Name string
	Left, Right  uint32 // 0 for a prefix operator's left
	Result       uint32
	Function     uint32 // oprcode
	Strict       bool   // of that function
	Extension    string
}

// Type is one pg_type row.
type Type struct {
	OID          uint32
	Schema, Name string
	Kind         byte // typtype: b, c, d, e, p, r, m
	Category     byte // typcategory
	Element      uint32
	Array        uint32
	Base         uint32 // of a domain
	Relation     uint32 // of a composite type
	Extension    string
	// RunsCode is set when a value of it is checked by a function of users that may do anything.
	RunsCode bool `json:",omitempty"`
}

// Cast is a pg_cast row whose function is not in pg_catalog.
type Cast struct {
	Source, Target uint32
	Function       uint32 // 0: binary-coercible or by input/output
	Language       string // of the function
	Extension      string
	Context        byte // e, a, i
}

// UpstreamRole is what the role of the upstream connections may do.
type UpstreamRole struct {
	Name       string
	Superuser  bool
	BypassRLS  bool
	CreateDB   bool
	CreateRole bool
	// MemberOf are the roles it is a member of, directly or not, predefined pg_* roles among them.
	MemberOf []string
	// CanCreateIn are the schemas, and CanTemp tells whether there are temporary tables, that it may create in.
	CanCreateIn []string
	CanTemp     bool
	// Connections is how many it may have to the database at once, if nobody else has any; 0 when that is not known.
	Connections int
}
