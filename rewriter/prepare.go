package rewriter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"

	"pgcordon/policy"
)

// PREPARE, EXECUTE and DEALLOCATE as statements.
//
// Postgres keeps the statements of PREPARE and those of Parse messages under the same names. One that was parsed has the tenant's
// parameters behind the client's, and an EXECUTE of it would let the client choose them. So upstream the names of
// PREPARE begin with a prefix of their own, which no Parse may use: by whatever way an EXECUTE comes to run, and whenever, it finds
// nothing but what a PREPARE has made.
//
// In what a PREPARE makes the tenant stands as a literal. It belongs to the session, which has one tenant for its life.

// preparedPrefix begins the upstream's names for what PREPARE has made; hashedPrefix those that would be too long.
const (
	preparedPrefix = "pgcordon:sql:"
	hashedPrefix   = "pgcordon:sql#"
)

// maxName is the longest identifier of Postgres's, in bytes (NAMEDATALEN - 1).
const maxName = 63

// preparedName is the name that a statement of PREPARE has upstream.
func preparedName(name string) string {
	if len(preparedPrefix)+len(name) <= maxName {
		return preparedPrefix + name
	}
	sum := sha256.Sum256([]byte(name))
	return hashedPrefix + hex.EncodeToString(sum[:])[:maxName-len(hashedPrefix)]
}

// clientNames puts the client's names of prepared statements into a message that quotes the upstream's.
func clientNames(message string, statements []Statement) string {
	for i := range statements {
		if st := &statements[i]; st.Executes || st.Kind == KindPrepare || st.Kind == KindDeallocate {
			message = strings.ReplaceAll(message, `"`+preparedName(st.Name)+`"`, `"`+st.Name+`"`)
		}
	}
	return message
}

// Deallocate is the text that closes a statement of a Parse message, in place of the plan's, which closes one of PREPARE.
func Deallocate(name string) string {
	return `DEALLOCATE "` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// Prepared is what a session has to know of a statement made by PREPARE.
type Prepared struct {
	// Plan describes the statement itself: its parameters and what it does. Its text is that of PREPARE.
	Plan *Plan
	// Upstream is its name upstream.
	Upstream string
}

// ExecuteArgument is an argument of EXECUTE.
type ExecuteArgument struct {
	Constant bool
	Text     string // of a constant
	Position int
}

// parameters are the client's parameters of one statement.
type parameters struct {
	count     int
	uses      map[int32]int
	arguments []TenantArgument
}

// prepare rewrites PREPARE. Its statement has parameters of its own.
func (p *pass) prepare(s *pg.PrepareStmt) Statement {
	p.declared = make([]uint32, len(s.Argtypes))
	for i, n := range s.Argtypes {
		t := n.GetTypeName()
		if isUnknown(t) {
			continue
		}
		p.typeName(t)
		if p.declared[i] = unknownType; p.findType(namesOf(t.GetNames())) != nil {
			p.declared[i] = p.findType(namesOf(t.GetNames())).OID
		}
	}
	outer, writes := parameters{p.clientParams, p.paramUses, p.arguments}, p.writes
	p.clientParams, p.paramUses, p.arguments, p.preparing = len(s.Argtypes), map[int32]int{}, nil, true
	p.argTypes = s.Argtypes
	var inner Statement
	switch s.Query.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt:
		inner = p.statement(s.Query)
	default:
		p.refuse(s.Query)
	}
	own := parameters{p.clientParams, p.paramUses, p.arguments}
	p.clientParams, p.paramUses, p.arguments, p.preparing, p.writes = outer.count, outer.uses, outer.arguments, false, writes
	if p.denial != nil {
		return Statement{}
	}
	p.declareVanished(s, own)
	p.spliced = true
	p.preparedParams = max(p.preparedParams, own.count)
	client := s.Name
	s.Name = preparedName(client)
	return Statement{Kind: KindPrepare, Name: client, Prepared: &Prepared{Upstream: s.Name,
		Plan: &Plan{Statements: []Statement{inner}, ClientParams: own.count, Params: own.arguments}}}
}

// unknownType is the oid of no type.
const unknownType = ^uint32(0)

// isUnknown tells whether a parameter's type is left open.
func isUnknown(t *pg.TypeName) bool {
	names := t.GetNames()
	return len(names) > 0 && names[len(names)-1].GetString_().GetSval() == "unknown" && len(t.ArrayBounds)+len(t.Typmods) == 0 &&
		(len(names) == 1 || len(names) == 2 && names[0].GetString_().GetSval() == "pg_catalog")
}

// declareVanished gives a type to the parameters that stand only where the tenant's id must stand, and so not in the output.
func (p *pass) declareVanished(s *pg.PrepareStmt, own parameters) {
	vanished := map[int]policy.ColumnType{}
	for _, a := range own.arguments {
		if own.uses[int32(a.Number)] == 0 {
			vanished[a.Number] = a.Type
		}
	}
	if len(vanished) == 0 {
		return
	}
	for n := 1; n <= own.count; n++ {
		declared := n <= len(s.Argtypes)
		if declared && !isUnknown(s.Argtypes[n-1].GetTypeName()) {
			continue
		}
		name := "unknown" // Postgres infers it
		if t, ok := vanished[n]; ok {
			name = castName(t)
		} else if declared {
			continue
		}
		typ := &pg.Node{Node: &pg.Node_TypeName{TypeName: &pg.TypeName{
			Names: []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode(name)}, Typemod: -1}}}
		if declared {
			s.Argtypes[n-1] = typ
		} else {
			s.Argtypes = append(s.Argtypes, typ)
		}
	}
}

// execute rewrites EXECUTE. Its arguments are expressions without relations; the session compares those that stand for the tenant.
func (p *pass) execute(s *pg.ExecuteStmt) Statement {
	st := Statement{Kind: KindExecute, Executes: true, Name: s.Name, Writes: true, Returns: true}
	for _, a := range s.Params {
		if r := a.GetParamRef(); r != nil {
			p.denyAt(r.Location, stateUndefinedParam, ruleParameter, fmt.Sprintf("there is no parameter $%d", r.Number), "")
		}
		st.Arguments = append(st.Arguments, p.executeArgument(a))
	}
	preparing := p.preparing
	p.noParams = true
	p.exprs(s.Params, &scope{})
	p.noParams, p.preparing = false, preparing
	s.Name = preparedName(s.Name)
	return st
}

func (p *pass) executeArgument(n *pg.Node) ExecuteArgument {
	for n.GetTypeCast() != nil && tenantCast(n.GetTypeCast().TypeName) {
		n = n.GetTypeCast().Arg
	}
	c := n.GetAConst()
	if c == nil {
		return ExecuteArgument{}
	}
	text, ok := constText(c)
	return ExecuteArgument{Constant: ok, Text: text, Position: p.position(c.Location)}
}

func (p *pass) deallocate(s *pg.DeallocateStmt) Statement {
	st := Statement{Kind: KindDeallocate, Name: s.Name}
	if s.Name != "" {
		s.Name = preparedName(s.Name)
	}
	return st
}

// CheckExecute returns a denial when an argument that stands for the tenant in the prepared statement is not surely its id.
func (p *Plan) CheckExecute(st *Statement, prepared *Plan, t policy.TenantID) *Denial {
	for _, a := range prepared.Params {
		if a.Number > len(st.Arguments) {
			return nil // Postgres counts them
		}
		arg := st.Arguments[a.Number-1]
		if !arg.Constant {
			return &Denial{SQLState: statePrivilege, Rule: ruleTenantValue, Fingerprint: p.Fingerprint,
				Message: fmt.Sprintf("argument %d of EXECUTE stands for the tenant of %s and must be a constant", a.Number, a.Table),
				Hint:    "Leave the column out: it is filled in."}
		}
		if !sameID(a.Type, arg.Text, t.String()) {
			return p.mismatch(a.Table, arg.Position)
		}
	}
	return nil
}
