package isolation

// Type is a column or expression type that the generator uses.
type Type struct {
	Name string
	OID  uint32
	// needsCast marks types whose bare literal would not be of the type by itself.
	needsCast bool
}

// The types. Floating point is missing on purpose: its sums depend on the order of rows.
var (
	Int4    = Type{Name: "int4", OID: 23}
	Int8    = Type{Name: "int8", OID: 20, needsCast: true}
	Numeric = Type{Name: "numeric", OID: 1700, needsCast: true}
	Text    = Type{Name: "text", OID: 25}
	Varchar = Type{Name: "varchar", OID: 1043}
	Bool    = Type{Name: "bool", OID: 16}
	Date    = Type{Name: "date", OID: 1082, needsCast: true}
	Stamp   = Type{Name: "timestamptz", OID: 1184, needsCast: true}
	JSONB   = Type{Name: "jsonb", OID: 3802, needsCast: true}
	UUID    = Type{Name: "uuid", OID: 2950, needsCast: true}
	Ints    = Type{Name: "int4[]", OID: 1007, needsCast: true}
	Texts   = Type{Name: "text[]", OID: 1009, needsCast: true}
)

// exprTypes are the types that expressions are made of, the frequent ones more than once.
var exprTypes = []Type{Int4, Int4, Int4, Text, Text, Numeric, Bool, Date, Stamp, JSONB, Ints, Texts, Int8}

func stringy(t Type) bool { return t == Text || t == Varchar }

func numeric(t Type) bool { return t == Int4 || t == Int8 || t == Numeric }

// joinable reports whether Postgres has an equality operator for the pair that can be hashed.
func joinable(a, b Type) bool {
	return a == b || stringy(a) && stringy(b) || numeric(a) && numeric(b)
}
