package rewriter

import (
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v5"
)

// transaction checks transaction control.
func (s *sweeper) transaction(t *pg.TransactionStmt) {
	switch t.Kind {
	case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START, pg.TransactionStmtKind_TRANS_STMT_COMMIT,
		pg.TransactionStmtKind_TRANS_STMT_ROLLBACK, pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT, pg.TransactionStmtKind_TRANS_STMT_RELEASE,
		pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
	default:
		s.fail("transaction statement %v", t.Kind)
	}
	if t.Gid != "" {
		s.fail("transaction statement with a global identifier")
	}
	s.transactionModes(t.Options)
}

func (s *sweeper) transactionModes(options []*pg.Node) {
	for _, n := range options {
		d := n.GetDefElem()
		switch d.GetDefname() {
		case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
		default:
			s.fail("transaction mode %q", d.GetDefname())
			return
		}
		if d.Arg.GetAConst() == nil || d.Defnamespace != "" {
			s.fail("transaction mode %s of an unknown form", d.Defname)
		}
	}
}

// changedSettings are those that a client may SET and RESET; shownSettings may be read besides.
// None of them chooses whose rows are seen, what runs, or what another session sees.
var (
	changedSettings = settings(`application_name bytea_output check_function_bodies client_encoding client_min_messages datestyle
		default_table_access_method default_tablespace default_text_search_config
		default_transaction_deferrable default_transaction_isolation default_transaction_read_only escape_string_warning extra_float_digits
		idle_in_transaction_session_timeout intervalstyle jit lock_timeout row_security search_path standard_conforming_strings
		statement_timeout synchronize_seqscans synchronous_commit timezone transaction_deferrable transaction_isolation transaction_read_only
		transaction_timeout xmloption`)
	shownSettings = settings(`integer_datetimes is_superuser max_identifier_length server_encoding server_version server_version_num
		session_authorization in_hot_standby lc_collate lc_ctype lc_messages lc_monetary lc_numeric lc_time block_size max_index_keys`)
	// onSettings may be set to their default alone: without them the sweep and the server would read the text differently.
	onSettings = settings(`row_security standard_conforming_strings`)
	// defaultSettings may be set to that alone: clients that restore a dump do so.
	defaultSettings = map[string]string{"default_table_access_method": "heap", "default_tablespace": "", "transaction_timeout": "0"}
)

// beside says whether a setting that has one value for clients would get another.
func beside(name, value string) bool {
	own, ok := defaultSettings[name]
	return ok && strings.ToLower(strings.TrimSpace(value)) != own
}

func settings(names string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(names) {
		m[n] = true
	}
	return m
}

// changeable says whether clients may change a setting: one of the list, or one that the policy leaves to them.
func (s *sweeper) changeable(name string) bool {
	return changedSettings[name] || slices.Contains(s.in.bound.Policy.Settings, name)
}

// variableSet checks SET and RESET.
func (s *sweeper) variableSet(v *pg.VariableSetStmt) {
	switch v.Kind {
	case pg.VariableSetKind_VAR_SET_VALUE:
		s.setValue(v)
	case pg.VariableSetKind_VAR_SET_DEFAULT, pg.VariableSetKind_VAR_RESET:
		if !s.changeable(v.Name) || len(v.Args) > 0 {
			s.fail("RESET %s", v.Name)
		}
	case pg.VariableSetKind_VAR_RESET_ALL:
	case pg.VariableSetKind_VAR_SET_MULTI:
		if v.Name != "TRANSACTION" && v.Name != "SESSION CHARACTERISTICS" {
			s.fail("SET %s", v.Name)
		}
		s.transactionModes(v.Args)
	default:
		s.fail("SET of kind %v", v.Kind)
	}
}

func (s *sweeper) setValue(v *pg.VariableSetStmt) {
	if !s.changeable(v.Name) || len(v.Args) == 0 {
		s.fail("SET %s", v.Name)
		return
	}
	for i, n := range v.Args {
		if c := n.GetTypeCast(); c != nil && v.Name == "timezone" { // SET TIME ZONE INTERVAL
			s.typeName(c.TypeName)
			n = c.Arg
		}
		text, ok := constantText(n.GetAConst())
		if !ok {
			s.fail("SET %s to something other than a constant", v.Name)
			return
		}
		switch lower := strings.ToLower(strings.TrimSpace(text)); {
		case beside(v.Name, text):
			s.fail("SET %s to %q", v.Name, text)
		case onSettings[v.Name] && lower != "on" && lower != "true" && lower != "yes" && lower != "1":
			s.fail("SET %s to %q", v.Name, text)
		case v.Name == "client_encoding" && !namesUTF8(text):
			s.fail("SET client_encoding to %q", text)
		case v.Name == "search_path" && strings.HasPrefix(lower, "pg_") && (i > 0 || lower != "pg_catalog"):
			s.fail("SET search_path to %q", text)
		}
	}
}

func constantText(c *pg.A_Const) (string, bool) {
	if c == nil || c.Isnull {
		return "", false
	}
	switch v := c.Val.(type) {
	case *pg.A_Const_Sval:
		return v.Sval.GetSval(), true
	case *pg.A_Const_Ival:
		return strconv.Itoa(int(v.Ival.GetIval())), true
	case *pg.A_Const_Fval:
		return v.Fval.GetFval(), true
	}
	return "", false
}

// namesUTF8 tells whether Postgres takes this for the name of UTF8: of names of encodings it reads letters and digits alone (src/common/encnames.c).
func namesUTF8(name string) bool {
	var read []byte
	for i := range len(name) {
		switch c := name[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z':
			read = append(read, c)
		case 'A' <= c && c <= 'Z':
			read = append(read, c-'A'+'a')
		case c >= 0x80:
			return false
		}
	}
	return string(read) == "utf8" || string(read) == "unicode"
}
