package attack_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// exchange is a case of messages: what the attacker sends in an open session, up to the n-th ReadyForQuery.
type exchange struct {
	id, class string
	ids       string // the corpus's cases that this one plays
	send      []pgproto3.FrontendMessage
	raw       []byte // sent instead
	ready     int    // how many ReadyForQuery come; 0: the connection is closed
	refused   bool   // an error comes
}

func query(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }

func parse(name, sql string, types ...uint32) *pgproto3.Parse {
	return &pgproto3.Parse{Name: name, Query: sql, ParameterOIDs: types}
}

func bind(portal, name string, values ...[]byte) *pgproto3.Bind {
	return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: name, Parameters: values}
}

func run(portal string, rows uint32) *pgproto3.Execute {
	return &pgproto3.Execute{Portal: portal, MaxRows: rows}
}

var (
	syncing = &pgproto3.Sync{}
	flush   = &pgproto3.Flush{}
)

type messages = []pgproto3.FrontendMessage

// frame writes a message by hand; length -1 means the right one.
func frame(typ byte, length int, body string) []byte {
	if length < 0 {
		length = len(body) + 4
	}
	b := binary.BigEndian.AppendUint32([]byte{typ}, uint32(length))
	return append(b, body...)
}

const secrets = "SELECT secret FROM orders WHERE tenant_id = $1 OR id > $2::bigint"

// longName is as long as names are told apart.
var longName = strings.Repeat("n", 63)

// bindBody is the body of a Bind for the statement s: its format codes, values and result formats as bytes.
func bindBody(rest string) []byte { return frame('B', -1, "\x00s\x00"+rest) }

func prepared(raw []byte) []byte {
	b, err := parse("s", secrets).Encode(nil)
	if err != nil {
		panic(err)
	}
	b = append(b, raw...)
	b = append(b, frame('E', -1, "\x00\x00\x00\x00\x00")...)
	return append(b, frame('S', -1, "")...)
}

func exchanges() []exchange {
	globex, zero := []byte("globex"), []byte("0")
	dup := func(n int, m ...pgproto3.FrontendMessage) messages { return slices.Repeat(m, n) }
	long := strings.Repeat("x", 1<<20)
	return []exchange{
		{id: "parse-twice", class: "protocol", ids: "pro-parse-named-dup", ready: 1, refused: true,
			send: messages{parse("s", "SELECT 1"), parse("s", "SELECT secret FROM orders"), bind("", "s"), run("", 0), syncing}},
		{id: "parse-twice-then-bind", class: "protocol", ready: 3, refused: true, // Bind must not take the plan of the Parse that failed
			send: messages{parse("s", "SELECT $1::text"), syncing, parse("s", secrets), syncing, bind("", "s", globex), run("", 0), syncing}},
		{id: "long-names", class: "protocol", ready: 4, refused: true, // Postgres tells names apart by their first 63 bytes
			send: messages{parse("s", "SELECT 1"), parse(longName+"a", "SELECT $1::text, $2::text, $3::text"), syncing,
				&pgproto3.Close{ObjectType: 'S', Name: longName + "b"}, syncing, parse(longName+"c", secrets), syncing,
				bind("", longName+"a", zero, zero, globex), run("", 0), syncing}},
		{id: "execute-what-parse-made", class: "protocol", ready: 2, refused: true, // the tenant's parameters follow its own
			send: messages{parse("s", secrets), syncing, query("EXECUTE s('globex', 0, 'globex')")}},
		{id: "execute-parsed-before", class: "protocol", ready: 1, refused: true,
			send: messages{parse("e", "EXECUTE s('globex', 0, 'globex')"), bind("q", "e"), parse("s", secrets), run("q", 0), syncing}},
		{id: "fetch-from-execute", class: "protocol", ready: 5, refused: true,
			send: messages{query("BEGIN"), parse("e", "EXECUTE s('globex', 0, 'globex')"), bind("q", "e"), syncing, parse("s", secrets), syncing,
				query("FETCH ALL FROM q"), query("ROLLBACK")}},
		{id: "prepare-over-parse", class: "protocol", ready: 4,
			send: messages{parse("s", secrets), syncing, query("DEALLOCATE s"), query("PREPARE s AS SELECT secret FROM orders WHERE tenant_id = $1"),
				bind("", "s", globex), run("", 0), syncing}},
		{id: "parse-over-prepare", class: "protocol", ready: 4, refused: true,
			send: messages{query("PREPARE s (text, bigint, text) AS SELECT $1"), query("DEALLOCATE s"), parse("s", secrets), syncing,
				query("EXECUTE s('globex', 0, 'globex')")}},
		{id: "parse-unnamed-fails-then-bind", class: "protocol", ready: 2, refused: true,
			send: messages{parse("", "SELECT 1"), syncing, parse("", "SELECT nothing FROM orders"), bind("", ""), run("", 0), syncing}},
		{id: "close-parse-bind", class: "protocol", ready: 1,
			send: messages{parse("s", "SELECT 1"), &pgproto3.Close{ObjectType: 'S', Name: "s"}, parse("s", secrets), bind("", "s", globex, zero), run("", 0), syncing}},
		{id: "refused-then-query", class: "protocol", ids: "pro-parse-fail-no-sync", ready: 1, refused: true,
			send: messages{parse("", "SELECT * FROM tenants"), query("SELECT secret FROM orders"), syncing}},
		{id: "refused-flush-bind", class: "protocol", ids: "pro-parse-blocked-flush", ready: 1, refused: true,
			send: messages{parse("", "SELECT * FROM tenants"), flush, bind("", ""), run("", 0), syncing}},
		{id: "portal-unknown", class: "protocol", ids: "pro-describe-portal-unknown", ready: 1, refused: true,
			send: messages{&pgproto3.Describe{ObjectType: 'P', Name: "other"}, syncing}},
		{id: "names-own", class: "protocol", ready: 1, refused: true,
			send: messages{bind("", "pgcordon:own"), run("", 0), syncing}},
		{id: "name-injection", class: "protocol", ids: "pro-stmt-name-injection", ready: 1,
			send: messages{parse(`s"; DROP TABLE orders; --`, secrets), bind(`p"; DELETE`, `s"; DROP TABLE orders; --`, globex, zero), run(`p"; DELETE`, 0), syncing}},
		{id: "name-long", class: "protocol", ids: "pro-stmt-name-long", ready: 1, refused: true, send: messages{parse(long, "SELECT $"), syncing}},
		{id: "same-fingerprint", class: "protocol", ids: "pro-stmt-cache-fingerprint", ready: 2,
			send: messages{query("SELECT secret FROM orders WHERE tenant_id='acme'"), query("SELECT secret FROM orders WHERE tenant_id='globex'")}},
		{id: "portal-after-sync", class: "protocol", ids: "pro-portal-suspend-switch", ready: 2, refused: true,
			send: messages{parse("", "SELECT secret FROM orders"), bind("p", ""), run("p", 1), syncing, run("p", 1), syncing}},
		{id: "pipeline-refused", class: "protocol", ids: "pro-pipeline-interleave", ready: 1, refused: true,
			send: messages{parse("", secrets), bind("", "", globex, zero), run("", 0), parse("", "SELECT * FROM tenants"), bind("", ""), run("", 0),
				parse("", secrets), bind("", "", globex, zero), run("", 0), syncing}},
		{id: "pipeline-server-error", class: "protocol", ids: "pro-pipeline-error-server", ready: 1, refused: true,
			send: messages{parse("", "SELECT 1/0"), bind("", ""), run("", 0), parse("", secrets), bind("", "", globex, zero), run("", 0), syncing}},
		{id: "pipeline-two-syncs", class: "protocol", ids: "pro-pipeline-two-syncs pro-cancel-race", ready: 2,
			send: messages{parse("", secrets), bind("", "", globex, zero), run("", 0), syncing, parse("", secrets), bind("", "", globex, zero), run("", 0), syncing}},
		{id: "pipeline-query", class: "protocol", ids: "pro-pipeline-query-mix", ready: 1,
			send: messages{parse("", secrets), bind("", "", globex, zero), run("", 0), query("SELECT secret FROM orders")}},
		{id: "pipeline-begin", class: "protocol", ids: "pro-pipeline-begin", ready: 3,
			send: messages{parse("", "BEGIN"), bind("", ""), run("", 0), syncing, parse("", secrets), bind("", "", globex, zero), run("", 0), syncing, query("ROLLBACK")}},
		{id: "pipeline-many", class: "protocol", ready: 300, send: dup(300, parse("", secrets), bind("", "", globex, zero), run("", 0), syncing)},
		{id: "path-between-parse-and-bind", class: "protocol", ready: 3,
			send: messages{parse("s", secrets), syncing, query("SET search_path = archive"), bind("", "s", globex, zero), run("", 0), syncing}},
		{id: "path-local-in-pipeline", class: "protocol", ready: 2, refused: true,
			send: messages{query("BEGIN"), parse("", "SET LOCAL search_path = archive"), bind("", ""), run("", 0), parse("", "SELECT secret FROM orders"), bind("", ""), run("", 0), syncing}},
		{id: "path-rolled-back-in-pipeline", class: "protocol", ready: 4,
			send: messages{query("BEGIN; SET LOCAL search_path = archive"), query("ROLLBACK"), parse("", "SELECT secret FROM orders"), bind("", ""), run("", 0), syncing, query("TABLE orders")}},
		{id: "function-call", class: "protocol", ids: "pro-fcall-query-to-xml", ready: 1, refused: true,
			raw: frame('F', -1, "\x00\x00\x0b\x6b\x00\x00\x00\x00\x00\x00")},
		{id: "copy-data-outside", class: "protocol", ids: "pro-copydata-without-copy pro-copyin-copyfail pro-copyin-sync-flush", ready: 1,
			send: messages{&pgproto3.CopyData{Data: []byte("1\tglobex\n")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "GLOBEX"}, syncing}},
		{id: "copy-then-query", class: "copy", ready: 2, refused: true,
			ids:  "pro-copyin-then-query side-copy-error-line",
			send: messages{query("COPY documents FROM STDIN"), &pgproto3.CopyData{Data: []byte("9\tglobex\tPLANT\n")}, &pgproto3.CopyDone{}, query("SELECT secret FROM orders")}},
		{id: "password-later", class: "protocol", ids: "pro-password-after-auth", refused: true, raw: frame('p', -1, "secret\x00")},
		{id: "length-negative", class: "protocol", ids: "pro-len-negative", refused: true, raw: frame('Q', 0xFFFFFFFF, "SELECT 1\x00")},
		{id: "length-short", class: "protocol", ids: "pro-len-below-4", refused: true, raw: frame('Q', 3, "SELECT 1\x00")},
		{id: "length-huge", class: "protocol", ids: "pro-len-huge", refused: true, raw: frame('Q', 0x7FFFFFFF, "")},
		{id: "type-unknown", class: "protocol", refused: true, raw: frame('!', -1, "")},
		{id: "nul-in-query", class: "parser-differential", ready: 1, refused: true, raw: frame('Q', -1, "SELECT 1\x00; SELECT secret FROM orders\x00")},
		{id: "query-unterminated", class: "parser-differential", ready: 1, refused: true, raw: frame('Q', -1, "SELECT secret FROM orders")},
		{id: "nul-in-parse", class: "parser-differential", ids: "par-nul-in-parse", ready: 1, refused: true,
			raw: append(frame('P', -1, "\x00SELECT 1\x00 FROM orders\x00\x00\x00"), frame('S', -1, "")...)},
		{id: "nul-in-param", class: "parser-differential", ids: "par-nul-in-param", ready: 1, refused: true,
			send: messages{parse("", secrets), bind("", "", []byte("globex\x00"), zero), run("", 0), syncing}},
		{id: "overlong-utf8", class: "parser-differential", ids: "par-overlong-utf8 par-big5-e-string", ready: 1, refused: true, send: messages{query("SELECT '\xc0\xa7' , secret FROM orders")}},
		{id: "surrogate", class: "parser-differential", ids: "par-utf8-surrogate par-latin1", ready: 1, refused: true, send: messages{query("SELECT '\xed\xa0\x80', secret FROM orders")}},
		{id: "byte-order-mark", class: "parser-differential", ids: "par-utf8-bom", ready: 1, refused: true, send: messages{query("\xef\xbb\xbfSELECT secret FROM orders")}},
		{id: "encoding", class: "parser-differential", ids: "par-johab-e-string", ready: 1, refused: true, send: messages{query("SET client_encoding='JOHAB'")}},
		{id: "huge-text", class: "parser-differential", ids: "par-huge-text", ready: 1, refused: true, send: messages{query("SELECT '" + strings.Repeat(long, 16) + "'")}},
		{id: "deep-plus", class: "parser-differential", ids: "par-deep-plus", ready: 1, refused: true, send: messages{query("SELECT 1" + strings.Repeat("+1", 40000))}},
		{id: "deep-union", class: "parser-differential", ids: "par-deep-union", ready: 1, refused: true, send: messages{query("SELECT 1" + strings.Repeat(" UNION SELECT 1", 60000))}},
		{id: "deep-comments", class: "parser-differential", ids: "par-deep-nested-comments", ready: 1, refused: true,
			send: messages{query("SELECT " + strings.Repeat("/*", 20000) + strings.Repeat("*/", 20000) + " 1")}},
		{id: "deep-sub-selects", class: "parser-differential", ready: 1, refused: true, send: messages{query(strings.Repeat("SELECT (", 5000) + "1" + strings.Repeat(")", 5000))}},
		{id: "many-statements", class: "parser-differential", ids: "par-many-statements", ready: 1, send: messages{query(strings.Repeat("SELECT secret FROM orders;", 500))}},
		{id: "bind-negative", class: "protocol", ids: "pro-bind-negative-len", ready: 1, refused: true,
			raw: prepared(bindBody("\x00\x00\x00\x02\xff\xff\xff\xfe\x00\x00\x00\x010\x00\x00"))},
		{id: "bind-nulls", class: "protocol", ready: 1, raw: prepared(bindBody("\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"))},
		{id: "bind-one-binary-code", class: "protocol", ids: "pro-binary-param-text-check", ready: 1,
			raw: prepared(bindBody("\x00\x01\x00\x01\x00\x02\x00\x00\x00\x06globex\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"))},
		{id: "bind-codes-for-tenant", class: "protocol", ready: 1, refused: true, // three codes for two parameters
			raw: prepared(bindBody("\x00\x03\x00\x00\x00\x00\x00\x01\x00\x02\x00\x00\x00\x06globex\x00\x00\x00\x010\x00\x00"))},
		{id: "bind-value-for-tenant", class: "protocol", ready: 1, refused: true, // a third value, for the tenant's parameter
			raw: prepared(bindBody("\x00\x00\x00\x03\x00\x00\x00\x06globex\x00\x00\x00\x010\x00\x00\x00\x06globex\x00\x00"))},
		{id: "bind-too-few", class: "protocol", ready: 1, refused: true, raw: prepared(bindBody("\x00\x00\x00\x01\x00\x00\x00\x06globex\x00\x00"))},
		{id: "bind-count-huge", class: "protocol", ready: 1, refused: true, raw: prepared(bindBody("\x00\x00\xff\xff\x00\x00\x00\x06globex\x00\x00"))},
		{id: "declare-tenant-parameter", class: "protocol", ready: 1, refused: true, // $3 declared by the client is the client's
			send: messages{parse("", secrets, 25, 20, 25), bind("", "", globex, zero), run("", 0), syncing}},
		{id: "declare-tenant-parameter-bound", class: "protocol", ready: 1,
			send: messages{parse("", secrets, 25, 20, 25), bind("", "", globex, zero, globex), run("", 0), syncing}},
		{id: "high-parameter", class: "protocol", ready: 1, refused: true, send: messages{parse("", "SELECT secret FROM orders WHERE tenant_id = $65535"), syncing}},
		{id: "large-result", class: "protocol", ids: "pro-large-result-rewrite pro-rowdesc-passthrough pro-async-notify", ready: 1,
			send: messages{query("SELECT repeat(secret, 20000) FROM orders")}},
	}
}

// copies are the corpus's COPY cases, sent as a Query with the rows behind it.
func copies(t *testing.T) []exchange {
	var out []exchange
	for _, a := range loadCorpus(t, "testdata/corpus.jsonl") {
		if a.Protocol == "raw" && a.Class == "copy" {
			sql, data, _ := strings.Cut(a.Steps[0], "  -- data: ")
			data = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(data)
			out = append(out, exchange{id: a.ID, class: a.Class, ids: a.ID, ready: 1, refused: true,
				send: messages{query(sql), rows("acme\tPLANT\n"), rows(data), &pgproto3.CopyDone{}}})
			if data != "" {
				out = append(out, exchange{id: a.ID + "-alone", class: a.Class, ready: 1, refused: true, send: messages{query(sql), rows(data), &pgproto3.CopyDone{}}})
			}
		}
	}
	return out
}

// TestMessages plays the cases of single messages, each in a session of its own.
func TestMessages(t *testing.T) {
	w := newWorld(t, "corpus", "acme", "globex")
	for _, e := range slices.Concat(exchanges(), copies(t), smuggled(w.pg.Major)) {
		t.Run(e.id, func(t *testing.T) {
			s := w.at(t, "")
			c := s.connect(t, "attacker", nil)
			var r *reply
			if e.raw != nil {
				if _, err := c.conn.Write(e.raw); err != nil {
					t.Fatal(err)
				}
				r = c.hear(max(e.ready, 1))
			} else {
				r = c.say(max(e.ready, 1), e.send...)
			}
			t.Log(shorten(strings.Join(r.log, "\n  ")))
			if what := leak("GLOBEX-SECRET", r); what != "" {
				t.Errorf("the attacker received %s", what)
			}
			if r.closed != (e.ready == 0) {
				t.Errorf("closed: %t", r.closed)
			}
			if (len(r.errors) > 0) != e.refused {
				t.Errorf("refused: %t", len(r.errors) > 0)
			}
			if !r.closed {
				if again := c.simple("SELECT secret FROM public.orders WHERE id = 1"); !strings.Contains(strings.Join(again.log, "\n"), "ACME-1") && e.id != "path-local-in-pipeline" {
					t.Errorf("the session does not go on: %q", again.log)
				}
			}
			c.close()
			w.verify(t, s, &attempt{Why: e.id}, "")
			outcomes.add(e.class, map[bool]string{true: blocked, false: scoped}[e.refused])
		})
	}
}
