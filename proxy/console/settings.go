package console

// parameter is a setting of Postgres's that drivers ask for or change.
type parameter struct{ name, value string }

// column is the name that SHOW gives its column.
func (p parameter) column() string {
	switch p.name {
	case "datestyle":
		return "DateStyle"
	case "timezone", "time zone":
		return "TimeZone"
	case "transaction isolation level":
		return "transaction_isolation"
	}
	return p.name
}

var parameters = []parameter{
	{"application_name", ""},
	{"client_encoding", "UTF8"},
	{"datestyle", "ISO, MDY"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"extra_float_digits", "1"},
	{"in_hot_standby", "off"},
	{"integer_datetimes", "on"},
	{"intervalstyle", "postgres"},
	{"is_superuser", "off"},
	{"search_path", `"$user", public`},
	{"server_encoding", "UTF8"},
	{"server_version", ServerVersion},
	{"server_version_num", "150000"},
	{"standard_conforming_strings", "on"},
	{"time zone", "UTC"},
	{"timezone", "UTC"},
	{"transaction isolation level", "read committed"},
	{"transaction_isolation", "read committed"},
	{"transaction_read_only", "off"},
}

// harmless are further names that SET takes: what they say concerns statements that are not run here.
var harmless = []string{"bytea_output", "characteristics", "client_min_messages", "geqo", "idle_in_transaction_session_timeout", "jit", "lock_timeout",
	"names", "statement_timeout", "time", "transaction"}

// Reported are the settings that a client is told when it has logged in, by name and value (Postgres manual, "Asynchronous Operations").
func Reported() [][2]string {
	var list [][2]string
	for _, p := range parameters {
		switch p.name {
		case "client_encoding", "datestyle", "default_transaction_read_only", "in_hot_standby", "integer_datetimes", "intervalstyle",
			"is_superuser", "server_encoding", "server_version", "standard_conforming_strings", "timezone":
			name := p.column()
			if name == "intervalstyle" {
				name = "IntervalStyle"
			}
			list = append(list, [2]string{name, p.value})
		}
	}
	return list
}

const help = `
	SHOW HELP|VERSION|STATE|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|LISTS
	SHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS
	SHOW TENANTS|LIMITS|DENIALS|POLICY|CACHE|PREPARED
	RELOAD
	PAUSE [<db>]
	RESUME [<db>]
	DISABLE <db>
	ENABLE <db>
	RECONNECT [<db>]
	KILL [<db>]
	KILL_CLIENT <client_id>
	WAIT_CLOSE [<db>]
	SHUTDOWN
	SHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS`
