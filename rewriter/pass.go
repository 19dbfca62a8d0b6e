package rewriter

import (
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// maxParams is the most parameters that a Bind message can carry (Postgres manual, "Message Formats": Int16, read as unsigned).
const maxParams = 65535

const stateComplex = "54001"

// pass is the rewriting of one client text. The first denial wins; after it the walk changes nothing that is used.
type pass struct {
	bound *policy.Bound
	cat   *catalog.Snapshot
	role  *policy.Role
	req   Request
	path  []string // the search_path names are looked up in: the session's, or none inside a view
	depth int
	// written are the statements that are printed as the client wrote them (ddl.go).
	written map[*pg.RawStmt]string
	// ownTables are the session's temporary tables as this text has changed them so far; nil while it has not.
	ownTables map[string]*catalog.Relation
	// inView counts the views being expanded: their text has no positions in the client's.
	inView int
	writes bool
	// targets counts the relations that the statement writes; adds is set when it inserts or updates rows.
	targets int
	adds    bool
	// draws is set once the text has drawn from a sequence.
	draws bool
	// genericPlan is set inside EXPLAIN (GENERIC_PLAN), where parameters stand for values that nobody gives.
	genericPlan bool
	// tainted are the types that a client must not get hold of (taint.go).
	tainted map[uint32]bool
	// throughs counts the views that are written through (view_write.go).
	throughs int
	// hides is set when the policy hides tenant columns; mentions are then those of the statement at hand (hide.go).
	hides    bool
	mentions *mentions
	// levels are the scopes of the queries walked so far.
	levels map[*pg.SelectStmt]*scope
	// patterns collects, while it is set, the parameters that are taken for sane LIKE patterns.
	patterns *[]int32
	// globals counts the global relations that have been read so far.
	globals int

	// spliced is set by statements that can carry no parameters (Plan.Spliced).
	spliced bool
	// preparing is set inside PREPARE, where parameters are the prepared statement's own; preparedParams is the most that one has.
	preparing      bool
	declared       []uint32 // the types that PREPARE declares; 0 for one that is left open
	preparedParams int
	argTypes       []*pg.Node // of that statement, as far as they are declared
	// whole is the statement at hand.
	whole *pg.Node
	// naming is set once there has been a cast to a type whose values print as names (reg.go).
	naming bool
	// channels are the client's channels by their placeholders.
	channels map[string]string
	// setting is what a set_config of the statement at hand changes that the session has to know; nil for nothing.
	setting *SettingChange
	// effects are what the text's calls of user functions may do.
	effects Effects
	// noParams is set where Postgres knows no parameters in any protocol.
	noParams bool

	clientParams int
	// paramUses counts where each of the client's parameters stands in the output.
	paramUses map[int32]int
	params    map[policy.ColumnType][]*pg.ParamRef
	constants []TenantConstant
	arguments []TenantArgument
	notes     []RelationNote
	names     []writtenName
	denial    *Denial
	// lesson is nil unless a shape is learnt from the text.
	lesson *lesson
}

func (p *pass) deny(state, rule, message, hint string) { p.denyAt(-1, state, rule, message, hint) }

// denyAt records the first denial. loc is a byte offset into the client's text, negative for unknown.
func (p *pass) denyAt(loc int32, state, rule, message, hint string) {
	if p.denial == nil && !omitted("rule "+rule) {
		p.denial = &Denial{SQLState: state, Rule: rule, Message: message, Hint: hint, Position: p.position(loc)}
	}
}

// position turns a byte offset of the parser's into a position as Postgres reports it: a 1-based count of characters. 0 is unknown.
func (p *pass) position(loc int32) int {
	if loc < 0 || p.inView > 0 || int(loc) > len(p.req.SQL) {
		return 0
	}
	return utf8.RuneCountInString(p.req.SQL[:loc]) + 1
}

// nodeName is the node's type as people who know Postgres's grammar call it.
func nodeName(n *pg.Node) string {
	if n.GetNode() == nil {
		return "an empty node"
	}
	m := n.ProtoReflect()
	fd := m.WhichOneof(m.Descriptor().Oneofs().ByName("node"))
	return strings.TrimPrefix(string(fd.Message().Name()), "pg_query.")
}
