package pool

// baseline are the settings that every upstream connection starts with and no client changes: they decide how Postgres reads SQL, quotes and
// bytes, and whether row security holds. The rewriter's reading of a text is right only under them.
var baseline = map[string]string{
	"client_encoding":             "UTF8",
	"standard_conforming_strings": "on",
	"backslash_quote":             "safe_encoding",
	"escape_string_warning":       "on",
	"row_security":                "on",
	"transform_null_equals":       "off",
	"array_nulls":                 "on",
	"debug_print_parse":           "off",
	"debug_print_rewritten":       "off",
	"debug_print_plan":            "off",
}

// Owns reports whether the setting of this name (in lower case) is one that no client chooses at startup.
func Owns(name string) bool {
	_, ok := baseline[name]
	return ok
}
