package catalog

import (
	"slices"
	"strings"
)

func (l *loader) relations() error {
	var (
		r       Relation
		options []string
	)
	return l.each(`
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind, pg_catalog.pg_get_userbyid(c.relowner)::text,
       c.relispartition, c.relrowsecurity, coalesce(c.reloptions, '{}'), coalesce(e.extname::text, ''),
       CASE WHEN c.relkind IN ('v', 'm') AND `+userSchemas+`
            THEN coalesce(pg_catalog.pg_get_viewdef(c.oid), '') ELSE '' END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                                AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND `+loadedSchemas,
		[]any{&r.OID, &r.Schema, &r.Name, (*byte)(&r.Kind), &r.Owner, &r.IsPartition, &r.RowSecurity, &options,
			&r.Extension, &r.Definition}, func() {
			rel := r
			rel.SecurityBarrier = optionOn(options, "security_barrier")
			rel.SecurityInvoker = optionOn(options, "security_invoker")
			rel.CheckOption = slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "check_option=") })
			l.snap.add(&rel)
		})
}

// add puts a relation into the snapshot's maps.
func (s *Snapshot) add(r *Relation) {
	s.ByOID[r.OID] = r
	if schema := s.Schemas[r.Schema]; schema != nil {
		schema.Relations[r.Name] = r
	}
}

// optionOn reads a boolean of pg_class.reloptions, which Postgres keeps as the user wrote it.
func optionOn(options []string, name string) bool {
	for _, v := range []string{"true", "on", "yes", "1", "t", "y", "TRUE", "ON", "YES", "True", "On", "Yes"} {
		if slices.Contains(options, name+"="+v) {
			return true
		}
	}
	return false
}

func (l *loader) columns() error {
	var (
		oid uint32
		c   Column
	)
	return l.each(`
SELECT a.attrelid, a.attname::text, a.attnum, a.atttypid, pg_catalog.format_type(a.atttypid, NULL), a.attnotnull,
       a.atthasdef, ascii(a.attidentity::text), ascii(a.attgenerated::text), coalesce(NOT l.collisdeterministic, false), coalesce(nullif(a.attcollation, 100), 0)
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND `+loadedSchemas+`
ORDER BY a.attrelid, a.attnum`,
		[]any{&oid, &c.Name, &c.Num, &c.TypeOID, &c.TypeName, &c.NotNull, &c.HasDefault, &c.Identity, &c.Generated, &c.Folding, &c.Collation}, func() {
			if rel := l.snap.ByOID[oid]; rel != nil {
				rel.Columns = append(rel.Columns, c)
			}
		})
}

// indexes reads the key columns only: what INCLUDE adds takes no part in uniqueness.
func (l *loader) indexes() error {
	var (
		oid uint32
		x   Index
	)
	return l.each(`
SELECT i.indrelid, x.relname::text, i.indisunique, i.indisprimary, i.indpred IS NOT NULL, i.indisexclusion, am.amname::text,
       ARRAY(SELECT coalesce(a.attname::text, '')
             FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(num, pos)
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num AND k.num > 0
             WHERE k.pos <= i.indnkeyatts ORDER BY k.pos)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am am ON am.oid = x.relam
WHERE i.indisvalid AND `+loadedSchemas+`
ORDER BY i.indrelid, x.relname`,
		[]any{&oid, &x.Name, &x.Unique, &x.Primary, &x.Partial, &x.Exclusion, &x.Method, &x.Columns}, func() {
			rel := l.snap.ByOID[oid]
			if rel == nil {
				return
			}
			index := x
			index.Columns = slices.Clone(x.Columns)
			rel.Indexes = append(rel.Indexes, index)
			if index.Unique {
				rel.Unique = append(rel.Unique, index)
			}
			if index.Primary {
				rel.PrimaryKey = index.Columns
			}
		})
}

func (l *loader) foreignKeys() error {
	var (
		oid uint32
		k   ForeignKey
	)
	sets := "'{}'::int2[]"
	if l.snap.ServerVersion >= 150000 {
		sets = "k.confdelsetcols"
	}
	return l.each(`
SELECT k.conrelid, k.conname::text, k.confrelid, k.confdeltype, k.confupdtype,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(num, pos)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.pos),
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(num, pos)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.pos),
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(`+sets+`) WITH ORDINALITY u(num, pos)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.pos)
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f'
ORDER BY k.conrelid, k.conname`,
		[]any{&oid, &k.Name, &k.Target, &k.OnDelete, &k.OnUpdate, &k.Columns, &k.TargetCols, &k.DeleteSets}, func() {
			if rel := l.snap.ByOID[oid]; rel != nil {
				key := k
				key.Columns, key.TargetCols, key.DeleteSets = slices.Clone(k.Columns), slices.Clone(k.TargetCols), slices.Clone(k.DeleteSets)
				rel.ForeignKeys = append(rel.ForeignKeys, key)
			}
		})
}

func (l *loader) inheritance() error {
	var child, parent uint32
	return l.each(`SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i ORDER BY i.inhrelid, i.inhseqno`,
		[]any{&child, &parent}, func() {
			if rel := l.snap.ByOID[child]; rel != nil { // an index of a partitioned table is no relation here
				rel.Parents = append(rel.Parents, parent)
			}
		})
}

func (l *loader) triggersAndRules() error {
	var (
		oid            uint32
		name, function string
		trigger        bool
	)
	return l.each(`
SELECT t.tgrelid, t.tgname::text, true, n.nspname || '.' || f.proname
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
WHERE NOT t.tgisinternal
UNION ALL
SELECT r.ev_class, r.rulename::text, false, '' FROM pg_catalog.pg_rewrite r WHERE r.rulename <> '_RETURN'
ORDER BY 1, 3, 2`,
		[]any{&oid, &name, &trigger, &function}, func() {
			rel := l.snap.ByOID[oid]
			switch {
			case rel == nil || IsSystem(rel.Schema):
			case trigger:
				rel.Triggers, rel.TriggerFunctions = append(rel.Triggers, name), append(rel.TriggerFunctions, function)
			default:
				rel.Rules = append(rel.Rules, name)
			}
		})
}
