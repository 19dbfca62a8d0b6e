package policy

import "pgcordon/policy/catalog"

// Bound is a policy bound to one catalog snapshot: immutable, shared by all sessions behind one atomic pointer.
type Bound struct {
	// Epoch grows with every bind in this process; a plan made under one epoch is not used under another.
	Epoch   uint64
	Policy  *Policy
	Catalog *catalog.Snapshot
	// tables by pg_class.oid: every relation of the snapshot has an entry, denied ones too.
	tables map[uint32]*BoundTable
}

// BoundTable is what the policy says of one relation of the snapshot.
type BoundTable struct {
	Relation *catalog.Relation
	Scope    Scope
	// Column and Type are the tenant column's of a ScopeTenant table, else zero. Type is never TypeAny there.
	Column string
	Type   ColumnType
	// Rule is the pattern that decided, for people; empty when no rule names the relation.
	Rule string
	// Problem says why a relation that a rule puts in a scope is denied all the same
	// (its tenant column is missing or of a type that cannot be one); empty for none.
	Problem string
}

// Table returns what the policy says of the relation with this pg_class.oid; nil for an oid that is not in the snapshot.
func (b *Bound) Table(oid uint32) *BoundTable { return b.tables[oid] }
