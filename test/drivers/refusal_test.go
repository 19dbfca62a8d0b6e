package drivers

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
)

// refusedStatements must not reach Postgres.
var refusedStatements = []string{
	"select * from secrets",
	"insert into customers (tenant_id, id, name) values ('globex', 900, 'x')",
	"update customers set tenant_id = 'globex' where id = 1",
	"select pg_sleep(0)",
	"select * from pg_stat_activity",
	"select query_to_xml('select * from customers', true, true, '')",
}

// expectRefusal checks what a client is told: the SQLSTATE, a reason, and the rule that decided. The rest is DETAIL and HINT.
func expectRefusal(t *testing.T, sql, code, message, rest string) {
	t.Helper()
	if code != "42501" {
		t.Errorf("%s: SQLSTATE %s (%s), want 42501", sql, code, message)
	}
	if message == "" || !strings.Contains(rest, "rule") {
		t.Errorf("%s: message %q, detail and hint %q do not name the rule", sql, message, rest)
	}
	if strings.Contains(message+rest, "GLOBEX-SECRET") {
		t.Errorf("%s: the refusal tells of another tenant: %s %s", sql, message, rest)
	}
}

func isTLS(conn net.Conn) bool {
	_, ok := conn.(*tls.Conn)
	return ok
}
