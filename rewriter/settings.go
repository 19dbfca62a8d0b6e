package rewriter

import (
	"slices"
	"strings"
)

// settable are the settings that a client may SET, with a check of the value that returns why it is refused.
// A setting is here when it neither changes which rows a statement reaches, nor what it means to the parser, nor the order in which
// conditions are evaluated, nor what the server writes to the client besides rows. Planner costs and methods are not.
var settable = map[string]func(values []string) string{
	"application_name":                    anyValue,
	"bytea_output":                        anyValue,
	"check_function_bodies":               anyValue,
	"client_encoding":                     utf8Only,
	"client_min_messages":                 oneOf("notice", "warning", "error"),
	"datestyle":                           anyValue,
	"default_table_access_method":         oneOf("heap"),
	"default_tablespace":                  oneOf(""),
	"default_text_search_config":          anyValue,
	"default_transaction_deferrable":      anyValue,
	"default_transaction_isolation":       anyValue,
	"default_transaction_read_only":       anyValue,
	"escape_string_warning":               anyValue,
	"extra_float_digits":                  anyValue,
	"idle_in_transaction_session_timeout": anyValue,
	"intervalstyle":                       anyValue,
	"jit":                                 anyValue,
	"lock_timeout":                        anyValue,
	"row_security":                        rowSecurity,
	"search_path":                         searchPath,
	"standard_conforming_strings":         oneOf("on", "true", "yes", "1"),
	"statement_timeout":                   anyValue,
	"synchronize_seqscans":                anyValue,
	"synchronous_commit":                  oneOf("on", "off", "local", "true", "false"),
	"timezone":                            anyValue,
	"transaction_deferrable":              anyValue,
	"transaction_isolation":               anyValue,
	"transaction_read_only":               anyValue,
	"transaction_timeout":                 oneOf("0"),
	"xmloption":                           anyValue,
}

// readable are the settings that a client may SHOW besides those it may set.
var readable = map[string]bool{
	"integer_datetimes": true, "is_superuser": true, "max_identifier_length": true, "server_encoding": true,
	"server_version": true, "server_version_num": true, "session_authorization": true, "in_hot_standby": true,
	"lc_collate": true, "lc_ctype": true, "lc_messages": true, "lc_monetary": true, "lc_numeric": true, "lc_time": true,
	"block_size": true, "max_index_keys": true,
}

// AllowedSetting says whether a client may give the setting this value, in SET or in its startup message;
// reason is for the client when it may not.
func AllowedSetting(name, value string) (ok bool, reason string) {
	name = strings.ToLower(name)
	check, known := settable[name]
	if !known {
		return false, "only settings that keep the meaning of statements and show nothing of others are allowed"
	}
	values := []string{value}
	if name == "search_path" {
		var valid bool
		if values, valid = SplitPath(value); !valid {
			return false, "the list cannot be read"
		}
	}
	reason = check(values)
	return reason == "", reason
}

// SplitPath reads a search_path as Postgres does (SplitIdentifierString): names separated by commas, folded to lower case unless quoted.
func SplitPath(s string) (names []string, ok bool) {
	rest := strings.TrimSpace(s)
	for rest != "" {
		var name string
		if rest[0] == '"' {
			var b strings.Builder
			i := 1
			for ; ; i++ {
				if i >= len(rest) {
					return nil, false
				}
				if rest[i] == '"' {
					if i+1 >= len(rest) || rest[i+1] != '"' {
						break
					}
					i++
				}
				b.WriteByte(rest[i])
			}
			name, rest = b.String(), rest[i+1:]
		} else {
			end := strings.IndexAny(rest, ", \t\n\r")
			if end < 0 {
				end = len(rest)
			}
			name, rest = strings.ToLower(rest[:end]), rest[end:]
		}
		if name == "" {
			return nil, false
		}
		names = append(names, name)
		if rest = strings.TrimSpace(rest); rest == "" {
			return names, true
		}
		if rest[0] != ',' {
			return nil, false
		}
		if rest = strings.TrimSpace(rest[1:]); rest == "" {
			return nil, false
		}
	}
	return names, true
}

func anyValue([]string) string { return "" }

func oneOf(allowed ...string) func([]string) string {
	return func(values []string) string {
		if len(values) == 1 && slices.Contains(allowed, strings.ToLower(strings.TrimSpace(values[0]))) {
			return ""
		}
		return "Allowed: " + strings.Join(allowed, ", ") + "."
	}
}

// rowSecurity knows who asks for off: pg_dump, which needs not.
func rowSecurity(values []string) string {
	reason := oneOf("on", "true", "yes", "1")(values)
	if reason != "" {
		reason += " pg_dump leaves it on with --enable-row-security."
	}
	return reason
}

func utf8Only(values []string) string {
	if len(values) == 1 {
		letters := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, strings.ToLower(values[0]))
		if letters == "utf8" || letters == "unicode" {
			return ""
		}
	}
	return "Only UTF8 is allowed: in other encodings a quote can hide in a character."
}

// searchPath refuses the schemas whose place in the path is fixed: pg_catalog comes first, pg_temp last.
func searchPath(values []string) string {
	for i, v := range values {
		if v == "pg_catalog" && i == 0 {
			continue
		}
		if strings.HasPrefix(v, "pg_") {
			return "Schemas of the system have a fixed place in the path."
		}
	}
	return ""
}
