package rewriter

import "testing"

func TestBuiltinDecision(t *testing.T) {
	allowed := []struct {
		name  string
		nargs int
	}{
		{"now", 0}, {"random", 0}, {"gen_random_uuid", 0}, {"generate_series", 2}, {"generate_series", 3}, {"unnest", 1},
		{"json_build_object", 0}, {"json_build_object", 4}, {"jsonb_set", 3}, {"jsonb_set", 4}, {"to_char", 2}, {"date_trunc", 2},
		{"string_agg", 2}, {"array_agg", 1}, {"count", 0}, {"count", 1}, {"sum", 1}, {"row_number", 0}, {"lag", 1}, {"lag", 3},
		{"md5", 1}, {"sha256", 1}, {"encode", 2}, {"decode", 2}, {"regexp_replace", 3}, {"regexp_matches", 2}, {"to_tsvector", 1},
		{"to_tsvector", 2}, {"ts_rank", 2}, {"version", 0}, {"age", 1}, {"age", 2}, {"concat", 3}, {"format", 1}, {"format", 3},
		{"percentile_cont", 2}, {"rank", 0}, {"rank", 2}, {"extract", 2}, {"timezone", 2}, {"int4eq", 2},
		{"ts_rewrite", 3}, {"lower", 1}, {"make_interval", 0}, {"make_interval", 7}, {"current_schemas", 1}, {"convert_from", 2}, {"length", 1}, {"length", 2},
	}
	for _, c := range allowed {
		if ok, reason := builtinDecision(c.name, c.nargs); !ok {
			t.Errorf("%s with %d arguments is denied: %s", c.name, c.nargs, reason)
		}
	}
	denied := []struct {
		name  string
		nargs int
	}{
		{"current_setting", 1}, {"current_setting", 2}, {"set_config", 3}, {"nextval", 1}, {"currval", 1}, {"lastval", 0}, {"setval", 2},
		{"pg_sleep", 1}, {"pg_advisory_lock", 1}, {"pg_try_advisory_xact_lock", 2}, {"query_to_xml", 4}, {"table_to_xml", 4},
		{"database_to_xml", 3}, {"ts_stat", 1}, {"ts_rewrite", 2}, {"pg_read_file", 1}, {"pg_ls_dir", 1}, {"lo_get", 1}, {"lo_import", 1},
		{"loread", 2}, {"has_table_privilege", 2}, {"has_schema_privilege", 2}, {"to_regclass", 1}, {"pg_get_viewdef", 1},
		{"pg_stat_get_activity", 1}, {"pg_stat_reset", 0}, {"txid_current", 0}, {"pg_current_xact_id", 0}, {"pg_terminate_backend", 1},
		{"pg_notify", 2}, {"pg_relation_size", 1}, {"pg_logical_emit_message", 3}, {"textin", 1}, {"textout", 1}, {"eqsel", 4},
		{"array_agg_transfn", 2}, {"col_description", 2}, {"obj_description", 1}, {"inet_server_addr", 0}, {"pg_backend_pid", 0},
		{"setseed", 1}, {"pg_char_to_encoding", 1}, {"now", 1}, {"no_such_function", 1}, {"", 0}, {"NOW", 0}, {"dblink", 1}, {"mxid_age", 1},
		{"pg_cursor", 0}, {"pg_show_all_settings", 0}, {"suppress_redundant_updates_trigger", 0}, {"hashint4", 1}, {"plpgsql_inline_handler", 1},
	}
	for _, c := range denied {
		if ok, reason := builtinDecision(c.name, c.nargs); ok || reason == "" {
			t.Errorf("%s with %d arguments: allowed=%v reason=%q, want a denial with its reason", c.name, c.nargs, ok, reason)
		}
	}
}

func TestBuiltinAllowed(t *testing.T) {
	for name, want := range map[string]bool{"now": true, "lower": true, "age": false, "ts_rewrite": false, "nextval": false, "nothing": false} {
		if got := builtinAllowed(name); got != want {
			t.Errorf("builtinAllowed(%q) = %v, want %v", name, got, want)
		}
	}
	if cat := goldenBound(t).Catalog; !builtinExists(cat, "nextval") || builtinExists(cat, "order_total") {
		t.Error("builtinExists does not tell a denied function from an unknown one")
	}
}

func TestHarmless(t *testing.T) {
	for _, op := range []string{"=", "<>", "<", "<=", ">", ">=", "@>", "<@", "&&", "?", "?|", "?&", "^@", "<<", "<<=", "~<~"} {
		if !harmlessOperator(op) {
			t.Errorf("operator %s is not harmless", op)
		}
	}
	// Each of these can raise an error that depends on a value.
	for _, op := range []string{"+", "-", "*", "/", "%", "||", "~~", "!~~", "~~*", "~", "!~", "@@", "@?", "->", "->>", "#>>", "-|-", "&", "|", "#", "<->", "~=", "!!", "===", ""} {
		if harmlessOperator(op) {
			t.Errorf("operator %q is harmless", op)
		}
	}
	for _, c := range []struct {
		name  string
		nargs int
		want  bool
	}{
		{"starts_with", 2, true}, {"int4eq", 2, true}, {"texteq", 2, true}, {"isfinite", 1, true}, {"upper", 1, true}, {"jsonb_exists", 2, true},
		{"isempty", 1, true}, {"md5", 1, false}, {"ceil", 1, false},
		{"length", 2, false}, {"random", 0, false}, {"abs", 1, false}, {"textlike", 2, false}, {"textregexeq", 2, false}, {"pg_sleep", 1, false},
		{"int4div", 2, false}, {"box_eq", 2, false}, {"count", 1, false}, {"regexp_like", 2, false}, {"nothing", 1, false}, {"jsonb_path_exists_opr", 2, false},
		{"xml_is_well_formed", 1, false}, {"bool", 1, false}, {"range_adjacent", 2, false},
	} {
		if got := harmlessFunction(c.name, c.nargs); got != c.want {
			t.Errorf("harmlessFunction(%q, %d) = %v, want %v", c.name, c.nargs, got, c.want)
		}
	}
	for oid, want := range map[uint32]bool{16: true, 25: true, 23: true, 2950: true, 1184: true, 3802: true, 1009: true, 3904: true,
		600: false, 603: false, 199: false, 114: false, 142: false, 28: false, 2205: false, 0: false, 16384: false} {
		if got := harmlessType(oid); got != want {
			t.Errorf("harmlessType(%d) = %v, want %v", oid, got, want)
		}
	}
}

func TestTypesAndOperators(t *testing.T) {
	for name, want := range map[string]bool{"text": true, "int4": true, "_int4": true, "timestamptz": true, "jsonb": true, "uuid": true, "int4range": true,
		"tid": true, "pg_lsn": true, "regclass": false, "_regclass": false, "regconfig": false, "xid": false, "cstring": false, "record": false,
		"pg_node_tree": false, "anyelement": false, "internal": false, "pg_class": false, "nothing": false} {
		if got := builtinTypeAllowed(name); got != want {
			t.Errorf("builtinTypeAllowed(%q) = %v, want %v", name, got, want)
		}
	}
	for _, c := range []struct {
		name   string
		prefix bool
		want   bool
	}{{"=", false, true}, {"-", true, true}, {"-", false, true}, {"=", true, false}, {"@", true, true}, {"!!", true, true}, {"#>>", false, true}, {"#-", false, true}, {"#", true, true}, {"!!", false, false}, {"===", false, false}} {
		if got := operatorAllowed(c.name, c.prefix); got != c.want {
			t.Errorf("operatorAllowed(%q, %v) = %v, want %v", c.name, c.prefix, got, c.want)
		}
	}
}
