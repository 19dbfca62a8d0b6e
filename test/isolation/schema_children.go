package isolation

import (
	"fmt"

	"pgcordon/policy"
)

// partitioned makes a partitioned table: by hash or range of the id, by range of a column that statements change, or with a partition for
// one tenant, which may have partitions itself. Two of its partitions can be named directly.
func (m *schemaMaker) partitioned(hidden bool) {
	t := m.tenantTable("public", "events", nil)
	tenant := t.by(UseTenant)
	t.PrimaryKey = []string{tenant.Name, "id"}
	t.Unique = [][]string{{tenant.Name, "id", "code"}}
	t.by(UseID).Identity, t.by(UseID).Serial = false, false
	list := fmt.Sprintf("LIST (%s)", ident(tenant.Name))
	one := fmt.Sprintf("FOR VALUES IN (%s)", quote(m.s.IDs[0]))
	kinds := 5
	if hidden { // there the tenants' own worlds cannot have partitions by tenant
		kinds = 3
	}
	switch m.IntN(kinds) {
	case 0:
		t.PartitionBy = "HASH (id)"
		t.Partitions = []string{"events_a FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "events_b FOR VALUES WITH (MODULUS 2, REMAINDER 1)"}
	case 1:
		t.PartitionBy = "RANGE (id)"
		t.Partitions = []string{fmt.Sprintf("events_a FOR VALUES FROM (MINVALUE) TO (%d)", firstID(1, 3)), fmt.Sprintf("events_b FOR VALUES FROM (%d) TO (MAXVALUE)", firstID(1, 3))}
	case 2:
		t.PartitionBy, t.PrimaryKey, t.Unique = "RANGE (qty)", nil, nil
		t.Partitions = []string{"events_a FOR VALUES FROM (MINVALUE) TO (2)", "events_b DEFAULT"}
	case 3:
		t.PartitionBy = list
		t.Partitions = []string{"events_a " + one, "events_b DEFAULT"}
	case 4:
		t.PartitionBy = list
		t.Partitions = []string{"events_a " + one + " PARTITION BY HASH (id)", "events_b DEFAULT"}
		t.SubPartitions = []string{"events_a_0 PARTITION OF public.events_a FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
			"events_a_1 PARTITION OF public.events_a FOR VALUES WITH (MODULUS 2, REMAINDER 1)"}
	}
	if t.Unique != nil && m.one(4) {
		unique := t.Unique
		m.markDeleted(t)
		t.Unique = unique
	}
	writes := m.one(2)
	for _, name := range []string{"events_a", "events_b"} {
		m.add(&Table{Schema: "public", Name: name, Scope: policy.ScopeTenant, Columns: t.Columns, PrimaryKey: t.PrimaryKey,
			PartitionOf: t, SoftDelete: t.SoftDelete, NoWrites: !writes})
	}
}

// inherited makes a table, a child that inherits from it, and a child of that which the policy denies by its own name: its rows are read
// and written through the other two.
func (m *schemaMaker) inherited(hidden bool) {
	parent := m.tenantTable("public", "notes", nil)
	parent.by(UseID).Identity, parent.by(UseID).Serial = false, false
	child := &Table{Schema: "public", Name: "notes_old", Scope: policy.ScopeTenant, Inherits: parent,
		PrimaryKey: parent.PrimaryKey, Unique: parent.Unique}
	child.Columns = append(append([]*Column{}, parent.Columns...), &Column{Name: "archived", Type: Bool, Decl: "bool"})
	m.add(child)
	if m.one(2) && !hidden {
		m.add(&Table{Schema: "public", Name: "notes_ancient", Scope: policy.ScopeDenied, Inherits: child, NoWrites: true,
			PrimaryKey: parent.PrimaryKey, Unique: parent.Unique, Columns: child.Columns})
	}
}
