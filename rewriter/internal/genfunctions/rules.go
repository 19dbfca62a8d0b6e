package main

import (
	"regexp"
	"strings"
)

// proc is one row of pg_proc with what the rules ask about it.
type proc struct {
	name, args    string
	kind          string // prokind
	min, max      int    // number of arguments a call may have; max -1: variadic
	volatility    string // i, s, v
	leakproof     bool
	strict        bool
	internalTypes bool // takes or returns internal, cstring or another type that no column has
	typeIO        bool // pg_type's input, output, receive, send, modifier or analyze function
	operator      bool // some pg_operator's implementation
	support       bool // an index or aggregate support function
	verdict       verdict
	majors        majors
}

func (p *proc) signature() string { return p.name + "(" + p.args + ")" }

type verdict struct {
	allow  bool
	reason string
}

func deny(reason string) verdict  { return verdict{false, reason} }
func allow(reason string) verdict { return verdict{true, reason} }

// categories deny by name. The first match gives the reason.
var categories = []struct {
	reason string
	name   *regexp.Regexp
}{
	{"statistics and memory of the server", re(`pg_stat_.*|pg_mcv_list_items|pg_get_(aios|loaded_modules|wait_events)|pg_numa_available|pg_get_backend_memory_contexts|pg_get_shmem_allocations.*|pg_clear_(attribute|relation)_stats|pg_restore_(attribute|relation)_stats`)},
	{"reads a type's name, and runs what its input function does", re(`pg_input_.*`)},
	{"tells whether names exist, and prints them in errors", re(`has_.*_privilege|pg_has_role|to_reg.*|regclass|pg_get_acl`)},
	{"reads or writes files of the server", re(`pg_ls_.*|pg_read_.*|pg_stat_file|pg_file_.*|pg_current_logfile|pg_hba_file_rules|pg_ident_file_mappings|pg_config|pg_filenode_relation|pg_relation_file.*|pg_tablespace_(databases|location)`)},
	{"runs SQL from text", re(`(query|cursor)_to_xml.*|ts_stat`)},
	{"reads a relation by its name", re(`(table|schema|database)_to_xml.*|currtid2?`)},
	{"advisory lock: shared by all tenants", re(`pg_(try_)?advisory_.*`)},
	{"server setting or session state", re(`current_setting|set_config|setseed|pg_show_all_.*|pg_settings_get_flags|row_security_active`)},
	{"sequence", re(`nextval|currval|lastval|setval|pg_get_serial_sequence|pg_sequence_.*|pg_get_sequence_data`)},
	{"large object: belongs to no tenant", re(`lo_.*|loread|lowrite`)},
	{"replication", re(`pg_replication_.*|pg_(copy|create|drop|logical|sync)_.*|pg_get_(publication_tables|replica_identity_index|replication_slots|wal_resource_managers)|pg_show_replication_.*`)},
	{"waits", re(`pg_sleep.*`)},
	{"notification: shared by all tenants", re(`pg_notify|pg_notification_queue_usage|pg_listening_channels`)},
	{"controls the server or another backend", re(`binary_upgrade_.*|pg_(start|stop)_backup|brin_(de)?summarize_.*|gin_clean_pending_list|amvalidate|pg_backup_.*|pg_(cancel|terminate)_backend|pg_.*collation_actual_version|pg_extension_config_dump|pg_import_system_collations|pg_jit_available|pg_log_.*|pg_nextoid|pg_promote|pg_reload_conf|pg_rotate_logfile.*|pg_stop_making_pinned_objects|pg_switch_wal|pg_wal_replay_.*`)},
	{"transaction ids, snapshots and WAL of all tenants", re(`txid_.*|pg_available_wal_summaries|pg_split_walfile_name|mxid_age|pg_(current_)?(xact|snapshot|wal|walfile|multixact)_.*|pg_current_.*|pg_(get_)?multixact_.*|pg_visible_in_snapshot|pg_control_.*|pg_export_snapshot|pg_is_.*|pg_last_.*|pg_get_wal_.*|pg_postmaster_start_time|pg_conf_load_time`)},
	{"the session on the server, which is not the client's", re(`current_query|getpgusername|system_user|inet_(client|server)_(addr|port)|pg_backend_pid|pg_blocking_pids|pg_cursor|pg_isolation_test_.*|pg_lock_status|pg_my_temp_schema|pg_prepared_(statement|xact)|pg_safe_snapshot_.*|pg_trigger_depth`)},
	{"size of a relation or database of all tenants", re(`pg_(database|indexes|relation|table|tablespace|total_relation)_size`)},
	{"definition or description of catalog objects", re(`format_type|pg_typeof|oidvectortypes|pg_get_.*|(col|obj|shobj)_description|acl.*|makeaclitem|hash_aclitem.*|pg_available_.*|pg_.*_is_visible|pg_.*_updatable|pg_relation_is_publishable|pg_describe_object|pg_identify_.*|pg_event_trigger_.*|pg_extension_update_paths|pg_index.*_has_property|pg_indexam_progress_phasename|pg_options_to_table|pg_partition_.*|postgresql_fdw_validator|satisfies_hash_partition|querytree|pg_basetype|pg_collation_for|pg_timezone_abbrevs_.*|pg_column_toast_chunk_id`)},
	{"encodings of the server", re(`getdatabaseencoding|pg_char_to_encoding|pg_encoding_.*`)},
	{"text search internals", re(`ts_debug|ts_parse|ts_token_type`)},
	{"language or XML validator", re(`.*_validator|xmlvalidate`)},
	{"bytes as a client receives them", re(`enum_(recv|send)`)},
}

// unreviewed is the reason to deny what no rule knows. The tables are finished when it stands nowhere in them.
const unreviewed = "not reviewed"

func re(names string) *regexp.Regexp { return regexp.MustCompile(`^(` + names + `)$`) }

// deniedOverloads deny single overloads of names that are allowed otherwise.
var deniedOverloads = map[string]string{
	"ts_rewrite(tsquery, text)": "runs SQL from text",
	"age(xid)":                  "transaction ids, snapshots and WAL of all tenants",
}

// ordinarySupport are support functions of indexes that are documented for use by themselves, or that applications use all the same:
// hashtext makes keys of advisory locks and shard numbers.
var ordinarySupport = map[string]bool{"in_range": true, "isempty": true, "range_merge": true, "inet_merge": true, "inet_same_family": true,
	"hashtext": true, "hashtextextended": true}

// decide applies the rules in order. What no rule allows is denied.
func decide(p *proc) verdict {
	switch {
	case p.kind == "p":
		return deny("procedure")
	case p.internalTypes:
		return deny("takes or returns an internal type")
	case p.typeIO:
		return deny("input, output or modifier function of a type")
	}
	if reason := deniedOverloads[p.signature()]; reason != "" {
		return deny(reason)
	}
	if reviewed[p.signature()] {
		return allow("stable or volatile, reviewed")
	}
	if ordinaryInternals[p.name] && p.volatility == "i" {
		return allow("immutable: depends on its arguments alone")
	}
	for _, c := range categories {
		if c.name.MatchString(p.name) && !(p.operator && strings.HasPrefix(p.name, "pg_lsn")) {
			return deny(c.reason)
		}
	}
	switch {
	case p.operator:
		return allow("implements an operator")
	case p.support && !ordinarySupport[p.name]:
		return deny("support function of an index or aggregate: not for use by itself")
	case strings.HasPrefix(p.name, "pg_"):
		return deny(unreviewed)
	case p.volatility == "i":
		return allow("immutable: depends on its arguments alone")
	}
	return deny(unreviewed)
}
