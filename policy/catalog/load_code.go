package catalog

// Which writes, and which values, run code of users: what that leaves in the session of the server no statement tells.

// userCode are the functions that may do anything, as far as they are declared, and that no extension has brought. In a trigger the declaration counts for
// nothing. 16384 is FirstNormalObjectId: what initdb made lies below it.
const userCode = `
SELECT p.oid FROM pg_catalog.pg_proc p
WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')`

// code notes the relations whose writes run such functions by triggers, defaults, checks and policies, those whose reads run them by policies, and the domains
// that check values by them; and then what is made of these.
func (l *loader) code() error {
	var oid, function uint32
	var kind string
	functions := make(map[uint32]*Function)
	for _, schema := range l.snap.Schemas {
		for _, overloads := range schema.Functions {
			for _, f := range overloads {
				functions[f.OID] = f
			}
		}
	}
	err := l.each(`
WITH code AS (`+userCode+`),
volatile AS (SELECT c.oid FROM code c JOIN pg_catalog.pg_proc p USING (oid) WHERE p.provolatile = 'v'),
callers AS (
	SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
	WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid IN (SELECT v.oid FROM volatile v)
	UNION
	SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid
	WHERE d.refclassid = 'pg_catalog.pg_operator'::regclass AND o.oprcode::oid IN (SELECT v.oid FROM volatile v))
SELECT t.tgrelid, 'write', t.tgfoid FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgfoid IN (SELECT c.oid FROM code c)
UNION SELECT t.tgrelid, 'write', 0 FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = t.oid
	AND d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid <> t.tgfoid WHERE d.refobjid IN (SELECT v.oid FROM volatile v)
UNION SELECT a.adrelid, 'write', 0 FROM pg_catalog.pg_attrdef a JOIN callers x ON x.classid = 'pg_catalog.pg_attrdef'::regclass AND x.objid = a.oid
UNION SELECT k.conrelid, 'write', 0 FROM pg_catalog.pg_constraint k JOIN callers x ON x.classid = 'pg_catalog.pg_constraint'::regclass AND x.objid = k.oid
	WHERE k.conrelid <> 0
UNION SELECT p.polrelid, 'read', 0 FROM pg_catalog.pg_policy p JOIN callers x ON x.classid = 'pg_catalog.pg_policy'::regclass AND x.objid = p.oid
UNION SELECT k.contypid, 'type', 0 FROM pg_catalog.pg_constraint k JOIN callers x ON x.classid = 'pg_catalog.pg_constraint'::regclass AND x.objid = k.oid
	WHERE k.contypid <> 0
UNION SELECT t.oid, 'type', 0 FROM pg_catalog.pg_type t JOIN callers x ON x.classid = 'pg_catalog.pg_type'::regclass AND x.objid = t.oid AND t.typtype = 'd'
ORDER BY 1, 2, 3`, []any{&oid, &kind, &function}, func() {
		if f := functions[function]; f != nil && f.Language == "plpgsql" && plain(f.Source) {
			return
		}
		if kind == "type" {
			if t := l.snap.TypeByOID[oid]; t != nil {
				t.RunsCode = true
			}
			return
		}
		if rel := l.snap.ByOID[oid]; rel != nil {
			rel.WritesRunCode = true
			rel.ReadsRunCode = rel.ReadsRunCode || kind == "read"
		}
	})
	if err == nil {
		l.snap.spreadCode()
	}
	return err
}

// spreadCode follows the code from types to types and columns, and from tables to those whose writes reach them: parents, and by foreign keys' actions.
func (s *Snapshot) spreadCode() {
	for again := true; again; {
		again = false
		for _, t := range s.TypeByOID {
			if !t.RunsCode && (s.runsCode(t.Base) || s.runsCode(t.Element) || t.Kind == 'c' && s.hasCode(s.ByOID[t.Relation])) {
				t.RunsCode, again = true, true
			}
		}
	}
	for again := true; again; {
		again = false
		mark := func(r *Relation) {
			if r != nil && !r.WritesRunCode {
				r.WritesRunCode, again = true, true
			}
		}
		for _, r := range s.ByOID {
			if !r.WritesRunCode && s.hasCode(r) {
				mark(r)
			}
			if !r.WritesRunCode {
				continue
			}
			for _, parent := range r.Parents {
				mark(s.ByOID[parent])
			}
			for _, key := range r.ForeignKeys {
				if acts(key.OnDelete) || acts(key.OnUpdate) {
					mark(s.ByOID[key.Target])
				}
			}
		}
	}
}

// acts reports whether a foreign key's action changes rows.
func acts(action byte) bool { return action != 'a' && action != 'r' }

func (s *Snapshot) runsCode(oid uint32) bool {
	t := s.TypeByOID[oid]
	return t != nil && t.RunsCode
}

// hasCode reports whether a column's type runs code.
func (s *Snapshot) hasCode(r *Relation) bool {
	if r == nil {
		return false
	}
	for i := range r.Columns {
		if s.runsCode(r.Columns[i].TypeOID) {
			return true
		}
	}
	return false
}
