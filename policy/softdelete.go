package policy

import "fmt"

// SoftDelete is how a table of the snapshot marks rows as deleted.
type SoftDelete struct {
	Column string
	// Boolean marks by true; otherwise by any value but NULL, of a date or time type.
	Boolean bool
	// RewriteDelete makes DELETE mark the row.
	RewriteDelete bool
}

// bindSoftDelete finds the column that marks deleted rows; without a usable one the table is denied.
func (t *BoundTable) bindSoftDelete(rule *SoftDeleteRule) {
	c := t.Relation.Column(rule.Column)
	if c == nil {
		t.deny(fmt.Sprintf("it has no column %q, which would mark deleted rows", rule.Column))
		return
	}
	if c.Generated != 0 && rule.RewriteDelete {
		t.deny(fmt.Sprintf("its column %q is generated: DELETE cannot mark rows with it", rule.Column))
		return
	}
	s := &SoftDelete{Column: rule.Column, RewriteDelete: rule.RewriteDelete}
	switch c.TypeOID {
	case 16: // bool
		s.Boolean = true
	case 1082, 1114, 1184: // date, timestamp, timestamptz
		if c.NotNull {
			t.deny(fmt.Sprintf("its column %q is NOT NULL: no row could be live", rule.Column))
			return
		}
	default:
		t.deny(fmt.Sprintf("its column %q is of type %s, which cannot mark deleted rows", rule.Column, c.TypeName))
		return
	}
	t.SoftDelete = s
}
