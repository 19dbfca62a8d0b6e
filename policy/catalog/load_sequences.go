package catalog

// SequenceUse is a column that a sequence belongs to, or whose default draws from it.
type SequenceUse struct {
	Table  uint32 // pg_class.oid
	Column string
	// Owned is set when the column owns the sequence, as those of serial and IDENTITY do.
	Owned bool
}

func (l *loader) sequences() error {
	var (
		oid uint32
		u   SequenceUse
	)
	return l.each(`
SELECT c.oid, a.attrelid, a.attname::text, d.owned
FROM (SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS col, true AS owned
      FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.deptype IN ('a', 'i') AND d.objsubid = 0 AND d.refobjsubid > 0
      UNION ALL
      SELECT d.refobjid, f.adrelid, f.adnum, false
      FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
      WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.deptype = 'n' AND d.refobjsubid = 0) d
JOIN pg_catalog.pg_class c ON c.oid = d.sequence AND c.relkind = 'S'
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.relation AND a.attnum = d.col
ORDER BY c.oid, a.attrelid, a.attnum, d.owned`,
		[]any{&oid, &u.Table, &u.Column, &u.Owned}, func() {
			if rel := l.snap.ByOID[oid]; rel != nil {
				rel.Uses = append(rel.Uses, u)
			}
		})
}
