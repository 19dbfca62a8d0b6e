package catalog

import "slices"

func (l *loader) functions() error {
	body := `p.prosrc`
	if l.snap.ServerVersion >= 140000 {
		// BEGIN ATOMIC bodies are kept parsed; prosrc is empty then.
		body = `CASE WHEN p.prosqlbody IS NOT NULL THEN pg_catalog.pg_get_function_sqlbody(p.oid) ELSE p.prosrc END`
	}
	var f Function
	return l.each(`
SELECT p.oid, n.nspname::text, p.proname::text, p.prokind, p.proargtypes::oid[],
       pg_catalog.pg_get_function_identity_arguments(p.oid), p.provariadic <> 0, p.pronargdefaults, p.prorettype,
       p.proretset,
       ARRAY(SELECT coalesce(p.proargnames[m.pos], '') FROM pg_catalog.unnest(p.proargmodes) WITH ORDINALITY m(mode, pos)
             WHERE m.mode IN ('o', 'b', 't') ORDER BY m.pos),
       g.lanname::text, coalesce(e.extname::text, ''), p.provolatile, p.proleakproof, p.proisstrict, p.prosecdef, p.procost,
       CASE WHEN g.lanname IN ('sql', 'plpgsql') AND `+userSchemas+` THEN `+body+` ELSE '' END
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language g ON g.oid = p.prolang
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE `+loadedSchemas+`
ORDER BY p.oid`,
		[]any{&f.OID, &f.Schema, &f.Name, &f.Kind, &f.Args, &f.IdentityArgs, &f.Variadic, &f.Defaults, &f.Return,
			&f.ReturnsSet, &f.OutColumns, &f.Language, &f.Extension, &f.Volatility, &f.LeakProof, &f.Strict, &f.SecurityDefiner,
			&f.Cost, &f.Source}, func() {
			fn := f
			fn.Args, fn.OutColumns = slices.Clone(f.Args), slices.Clone(f.OutColumns)
			schema := l.snap.Schemas[fn.Schema]
			schema.Functions[fn.Name] = append(schema.Functions[fn.Name], &fn)
		})
}

func (l *loader) operators() error {
	var o Operator
	return l.each(`
SELECT o.oid, n.nspname::text, o.oprname::text, o.oprleft, o.oprright, o.oprresult, o.oprcode::oid,
       coalesce(p.proisstrict, false), coalesce(e.extname::text, '')
FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
LEFT JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE `+loadedSchemas+`
ORDER BY o.oid`,
		[]any{&o.OID, &o.Schema, &o.Name, &o.Left, &o.Right, &o.Result, &o.Function, &o.Strict, &o.Extension}, func() {
			op := o
			schema := l.snap.Schemas[op.Schema]
			schema.Operators[op.Name] = append(schema.Operators[op.Name], &op)
		})
}

func (l *loader) types() error {
	var t Type
	return l.each(`
SELECT t.oid, n.nspname::text, t.typname::text, t.typtype, t.typcategory,
       CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, t.typarray, t.typbasetype, t.typrelid,
       coalesce(e.extname::text, '')
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE `+loadedSchemas+`
ORDER BY t.oid`,
		[]any{&t.OID, &t.Schema, &t.Name, &t.Kind, &t.Category, &t.Element, &t.Array, &t.Base, &t.Relation, &t.Extension},
		func() {
			typ := t
			l.snap.Schemas[typ.Schema].Types[typ.Name] = &typ
			l.snap.TypeByOID[typ.OID] = &typ
		})
}
