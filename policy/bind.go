package policy

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"pgcordon/policy/catalog"
)

// Bound is a policy bound to one catalog snapshot: immutable, shared by all sessions behind one atomic pointer.
type Bound struct {
	// Epoch grows with every bind in this process; a plan made under one epoch is not used under another.
	Epoch   uint64
	Policy  *Policy
	Catalog *catalog.Snapshot
	// tables by pg_class.oid: every relation of the snapshot has an entry, denied ones too.
	tables map[uint32]*BoundTable
	// types are the tenant column types in use.
	types map[ColumnType]bool
	// functions by pg_proc.oid: the rule of Policy.Functions that vouches for it, or one made for a function of Policy.Extensions.
	functions map[uint32]*FunctionRule
	// roleFunctions are the same for Role.Functions, by the role's name.
	roleFunctions map[string]map[uint32]*FunctionRule
}

// BoundTable is what the policy says of one relation of the snapshot.
type BoundTable struct {
	Relation *catalog.Relation
	Scope    Scope
	// Column and Type are the tenant column's of a table of scope tenant or mixed, else zero. Type is never TypeAny there.
	// A view has none: it is replaced by its definition, and the tables in it are confined.
	Column string
	Type   ColumnType
	// Hidden is set when clients do not see the tenant column (hide_column); of a view, the column HiddenColumn of its own.
	Hidden bool
	hidden string
	// SoftDelete is nil for relations without marked rows, and for views.
	SoftDelete *SoftDelete
	// Rule is the pattern that decided, for people; empty when no rule names the relation.
	Rule string
	// Problem says why a relation that a rule puts in a scope is denied all the same
	// (its tenant column is missing or of a type that cannot be one); empty for none.
	Problem string
}

// epochs counts the binds of this process.
var epochs atomic.Uint64

// Bind says for every relation of the snapshot what the policy makes of it. It never fails: a relation that
// cannot be put where its rule says is denied, with the reason in Problem.
func Bind(p *Policy, s *catalog.Snapshot) *Bound {
	b := &Bound{
		Epoch: epochs.Add(1), Policy: p, Catalog: s,
		tables: make(map[uint32]*BoundTable, len(s.ByOID)),
		types:  map[ColumnType]bool{},
	}
	for oid, r := range s.ByOID {
		b.tables[oid] = p.bindTable(r)
	}
	b.checkChildren()
	for _, t := range b.tables {
		if t.Scope.HasTenant() && t.Column != "" {
			b.types[t.Type] = true
		}
	}
	b.functions = bindFunctions(p.Functions, s)
	bindExtensions(p, s, b.functions)
	b.roleFunctions = make(map[string]map[uint32]*FunctionRule, len(p.Roles))
	for name, role := range p.Roles {
		b.roleFunctions[name] = bindFunctions(role.Functions, s)
	}
	return b
}

// RuleFor returns the index of the rule in Tables that decides on a relation, or -1 when none does.
// The schemas of Postgres itself are out of reach of every rule.
func (p *Policy) RuleFor(schema, name string) int {
	if catalog.IsSystem(schema) {
		return -1
	}
	for i := range p.Tables {
		if p.Tables[i].Match.Matches(schema, name) {
			return i
		}
	}
	return -1
}

func (p *Policy) bindTable(r *catalog.Relation) *BoundTable {
	t := &BoundTable{Relation: r}
	i := p.RuleFor(r.Schema, r.Name)
	if i < 0 {
		return t
	}
	rule := &p.Tables[i]
	t.Rule = rule.Match.String()
	switch r.Kind {
	case catalog.Table, catalog.PartitionedTable, catalog.View, catalog.MaterializedView, catalog.ForeignTable:
	default:
		if rule.Scope != ScopeDenied {
			t.Problem = "it has no rows that could belong to a tenant"
		}
		return t
	}
	switch rule.Scope {
	case ScopeGlobal:
		t.Scope = ScopeGlobal
	case ScopeTenant, ScopeMixed:
		if r.Kind == catalog.View { // expanded by the rewriter: the tables below it carry the tenant column
			t.Scope = rule.Scope
		} else {
			p.bindTenantTable(t, rule)
		}
		p.hide(t, rule)
	case ScopeDenied:
	}
	if rule.SoftDelete != nil && t.Scope != ScopeDenied && r.Kind != catalog.View {
		t.bindSoftDelete(rule.SoftDelete)
	}
	return t
}

// bindTenantTable finds the tenant column; without a usable one the table stays denied.
func (p *Policy) bindTenantTable(t *BoundTable, rule *TableRule) {
	column, want := p.TenantColumn(rule)
	c := t.Relation.Column(column)
	if c == nil {
		t.Problem = fmt.Sprintf("it has no column %q", column)
		return
	}
	if c.Folding {
		t.Problem = fmt.Sprintf("its column %q has a nondeterministic collation, to which the ids of two tenants can be equal", column)
		return
	}
	have, ok := ColumnTypeOf(c.TypeOID)
	if !ok {
		t.Problem = fmt.Sprintf("its column %q is of type %s, which cannot hold a tenant", column, c.TypeName)
		return
	}
	if want != TypeAny && want != have {
		t.Problem = fmt.Sprintf("its column %q is of type %s, the policy says %s", column, c.TypeName, want)
		return
	}
	t.Scope, t.Column, t.Type = rule.Scope, column, have
}

// TenantColumn returns the column and type that a rule of scope tenant asks for, after the policy's defaults.
func (p *Policy) TenantColumn(rule *TableRule) (column string, typ ColumnType) {
	column, typ = rule.Column, rule.Type
	if column == "" {
		column = p.Column
	}
	if typ == TypeAny {
		typ = p.Type
	}
	return column, typ
}

// ColumnTypeOf returns the tenant column type of a pg_type.oid; false for a type that cannot hold a tenant.
func ColumnTypeOf(oid uint32) (ColumnType, bool) {
	switch oid {
	case 25:
		return TypeText, true
	case 1043:
		return TypeVarchar, true
	case 2950:
		return TypeUUID, true
	case 23:
		return TypeInt4, true
	case 20:
		return TypeInt8, true
	case 1700:
		return TypeNumeric, true
	}
	return TypeAny, false
}

// Table returns what the policy says of the relation with this pg_class.oid; nil for an oid that is not in the snapshot.
func (b *Bound) Table(oid uint32) *BoundTable { return b.tables[oid] }

// CheckTenant tells whether the id fits the type of every tenant column in use: one that does not could not be
// bound as the tenant parameter. Beyond that an id must be written in the one way that Postgres prints it (an int8
// without leading zeros, a uuid in lower case with hyphens), so that one tenant has one id.
func (b *Bound) CheckTenant(t TenantID) error {
	if !t.IsValid() {
		return ErrTenantID
	}
	for typ := TypeText; typ <= TypeNumeric; typ++ {
		if b.types[typ] && !canonical(typ, t.String()) {
			return fmt.Errorf("tenant %q is not a value of type %s as Postgres prints it, and tenant columns of that type are in use", t, typ)
		}
	}
	return nil
}

// canonical reports whether s is what Postgres prints for some value of the type.
func canonical(t ColumnType, s string) bool {
	switch t {
	case TypeText, TypeVarchar:
		return true
	case TypeInt4:
		n, err := strconv.ParseInt(s, 10, 32)
		return err == nil && strconv.FormatInt(n, 10) == s
	case TypeInt8:
		n, err := strconv.ParseInt(s, 10, 64)
		return err == nil && strconv.FormatInt(n, 10) == s
	case TypeNumeric:
		return isInteger(s)
	case TypeUUID:
		return isUUID(s)
	}
	return false
}

// isInteger accepts a decimal integer of any length without sign tricks or leading zeros. A fraction is refused:
// 1, 1.0 and 1.00 are equal to Postgres but are printed apart, so they would be three ids of one tenant.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || (digits[0] == '0' && s != "0") {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}
