package rewriter

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"pgcordon/policy/catalog"
)

// The tables of built-in functions, operators and types are generated out of pg_catalog by
// rewriter/internal/genfunctions, which also says what "harmless" means. What is not in them is denied. They hold every supported
// major's: whether the server at hand has a function, its snapshot tells.
var (
	//go:embed functions.tsv
	functionsText string
	//go:embed operators.tsv
	operatorsText string
	//go:embed types.tsv
	typesText string
)

type builtinOverload struct {
	min, max int // max -1: variadic
	allowed  bool
	harmless bool
	reason   string
}

// takes says whether a call with n arguments can mean this overload.
func (o builtinOverload) takes(n int) bool { return n >= o.min && (o.max < 0 || n <= o.max) }

type builtinOperator struct {
	prefix, binary     bool // some allowed implementation of this form exists
	unharmless         bool // some allowed implementation on plain types is not harmless
	plainBinaryPresent bool
}

type builtinType struct {
	name           string
	oid            uint32
	allowed, plain bool
}

type builtinTables struct {
	functions  map[string][]builtinOverload
	operators  map[string]builtinOperator
	types      map[string]*builtinType
	typesByOID map[uint32]*builtinType
}

// builtins parses the tables once, at first use.
var builtins = sync.OnceValue(func() *builtinTables {
	t := &builtinTables{
		functions:  make(map[string][]builtinOverload, 2600),
		operators:  make(map[string]builtinOperator, 100),
		types:      make(map[string]*builtinType, 200),
		typesByOID: make(map[uint32]*builtinType, 200),
	}
	eachRow(functionsText, t.addFunction)
	eachRow(operatorsText, t.addOperator)
	eachRow(typesText, t.addType)
	return t
})

// tableRow is a line of a table: its cells by the names in the table's header.
type tableRow map[string]string

// eachRow calls add with each line after the first two: who wrote the table, and its header. Operators' names can begin with #, so
// that no other line is a comment. A line of another shape is a fault of the build.
func eachRow(text string, add func(tableRow)) {
	_, text, _ = strings.Cut(text, "\n")
	head, text, _ := strings.Cut(strings.TrimPrefix(text, "#"), "\n")
	header := strings.Split(head, "\t")
	row := make(tableRow, len(header))
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) != len(header) {
			panic("rewriter: malformed built-in table: " + line)
		}
		for i, name := range header {
			row[name] = cells[i]
		}
		add(row)
	}
}

func (r tableRow) is(name string) bool { return r[name] == "t" }

func (r tableRow) allowed() bool { return r["decision"] == "allow" }

func (t *builtinTables) addFunction(row tableRow) {
	o := builtinOverload{min: mustInt(row["min_args"]), max: mustInt(row["max_args"]), allowed: row.allowed(), harmless: row.is("harmless"),
		reason: row["reason"]}
	t.functions[row["name"]] = append(t.functions[row["name"]], o)
}

func (t *builtinTables) addOperator(row tableRow) {
	o := t.operators[row["name"]]
	if row.allowed() {
		o.prefix = o.prefix || row["left"] == ""
		o.binary = o.binary || row["left"] != ""
		plain, harmless := row.is("plain"), row.is("harmless")
		o.unharmless = o.unharmless || plain && !harmless
		o.plainBinaryPresent = o.plainBinaryPresent || plain && row["left"] != ""
	}
	t.operators[row["name"]] = o
}

func (t *builtinTables) addType(row tableRow) {
	y := &builtinType{name: row["name"], oid: uint32(mustInt(row["oid"])), allowed: row.allowed(), plain: row.is("plain")}
	t.types[y.name] = y
	t.typesByOID[y.oid] = y
}

func mustInt(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("rewriter: malformed built-in table: " + err.Error())
	}
	return n
}

// onlyForXid are names whose denied overload takes an argument of type xid. No client can name that type; what is left are the system
// columns xmin and xmax of its own rows, whose age tells it no more than a new row's xmin does.
var onlyForXid = map[string]bool{"age": true}

// builtinDecision says whether a client may call the function of pg_catalog by this name with nargs arguments, those of
// WITHIN GROUP counted. Every overload that such a call could mean must be allowed; the reason of a refusal is for people.
func builtinDecision(name string, nargs int) (allowed bool, reason string) {
	overloads := builtins().functions[name]
	if len(overloads) == 0 {
		return false, "not a known built-in function"
	}
	denied := ""
	for _, o := range overloads {
		if !o.takes(nargs) {
			continue
		}
		if o.allowed {
			allowed = true
		} else if denied == "" || !onlyForXid[name] {
			denied = o.reason
		}
	}
	switch {
	case denied != "" && !(allowed && onlyForXid[name]):
		return false, denied
	case !allowed:
		if r := overloads[0]; !r.allowed {
			return false, r.reason
		}
		return false, "no built-in function of this name takes that many arguments"
	}
	return true, ""
}

// builtinAllowed says whether every overload of the name in pg_catalog may be called, whatever its arguments.
func builtinAllowed(name string) bool {
	overloads := builtins().functions[name]
	for _, o := range overloads {
		if !o.allowed {
			return false
		}
	}
	return len(overloads) > 0
}

// firstUserOID is FirstNormalObjectId: what initdb made lies below it.
const firstUserOID = 16384

// builtinExists says whether the server has a function of this name in pg_catalog, allowed or not.
func builtinExists(cat *catalog.Snapshot, name string) bool {
	return len(cat.Schemas["pg_catalog"].Functions[name]) > 0
}

// addedBuiltin says whether somebody has put a function into pg_catalog that such a call could mean: then the tables do not speak of it.
func addedBuiltin(cat *catalog.Snapshot, name string, nargs int) bool {
	for _, f := range cat.Schemas["pg_catalog"].Functions[name] {
		if f.OID >= firstUserOID && takes(f, nargs) {
			return true
		}
	}
	return false
}

// harmlessFunction says whether every allowed built-in function that such a call could mean may run on another
// tenant's row unnoticed. Whether the call is allowed at all is builtinDecision's to say.
// As with operators, the arguments must be of types for which harmlessType holds.
func harmlessFunction(name string, nargs int) bool {
	found := false
	for _, o := range builtins().functions[name] {
		if o.takes(nargs) && o.allowed {
			if !o.harmless {
				return false
			}
			found = true
		}
	}
	return found
}

// operatorAllowed says whether pg_catalog has a usable operator of this name and form.
func operatorAllowed(name string, prefix bool) bool {
	o := builtins().operators[name]
	return prefix && o.prefix || !prefix && o.binary
}

// harmlessOperator says whether the binary operator of pg_catalog may run on another tenant's row unnoticed, whatever it compares,
// so long as harmlessType holds for its operands.
// LIKE and its kin are not; see harmlessLike.
func harmlessOperator(name string) bool {
	o := builtins().operators[name]
	return o.plainBinaryPresent && !o.unharmless
}

// harmlessType says whether the verdicts of harmlessOperator and harmlessFunction hold for values of the built-in type with this
// oid. Enums of the user's are as good; domains are as good as their base; other types of the user's are not.
func harmlessType(oid uint32) bool {
	y := builtins().typesByOID[oid]
	return y != nil && y.plain
}

// builtinTypeAllowed says whether a client may name this type of pg_catalog (pg_type.typname), as in a cast.
func builtinTypeAllowed(name string) bool {
	y := builtins().types[name]
	return y != nil && y.allowed
}
