package proxy_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/test/throwaway/throwawaytest"
)

// onlyAcme makes of the shared database the one that acme would have alone.
const onlyAcme = schema + `
DELETE FROM orders WHERE tenant_id <> 'acme';
DELETE FROM other.orders WHERE tenant_id <> 'acme';
DELETE FROM numbers WHERE tenant_id <> 'acme';
ALTER TABLE orders ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE other.orders ALTER tenant_id SET DEFAULT 'acme';
DROP TABLE secrets;
`

// step is messages that are sent at once, and how often ReadyForQuery answers them.
type step struct {
	ready    int
	messages []pgproto3.FrontendMessage
}

func one(messages ...pgproto3.FrontendMessage) step { return step{1, messages} }

func many(ready int, messages ...pgproto3.FrontendMessage) step { return step{ready, messages} }

// refusals turns the proxy's own refusal into the error that Postgres finds at the same point: that there is no such table.
var refusals = strings.NewReplacer("42501 permission denied for relation public.secrets", `42P01 relation "secrets" does not exist`)

var scripts = map[string][]step{
	"simple": {
		one(query("SELECT id, item FROM orders ORDER BY id")),
		one(query("")), one(query("  -- nothing\n")),
		one(query("SELECT 1; SELECT 2; SELECT item FROM orders WHERE id = 1")),
		one(query("SELECT 1; SELECT 1/0; SELECT 3")),
		one(query("SELEC 1")),
		one(query("INSERT INTO orders (id, item) VALUES (3, 'glue') RETURNING id")),
		one(query("INSERT INTO orders (id, item) VALUES (3, 'glue')")),
		one(query("UPDATE orders SET item = 'x' WHERE id = 3")), one(query("DELETE FROM orders WHERE id = 3")),
		one(query("SELECT * FROM nowhere")),
	},
	"transaction": {
		one(query("BEGIN")), one(query("SELECT 1/0")), one(query("SELECT 1")), one(query("SELEC")), one(query("COMMIT")),
		one(query("BEGIN")), one(query("SAVEPOINT a")), one(query("SELECT nothing")), one(query("ROLLBACK TO a")),
		one(query("SELECT count(*) FROM orders")), one(query("ROLLBACK")), one(query("ROLLBACK")),
	},
	"refused in a transaction": {
		one(query("BEGIN")), one(query("INSERT INTO orders (id) VALUES (50)")), one(query("SELECT * FROM secrets")), one(query("SELECT * FROM secrets")),
		one(query("SELECT 1")), one(query("COMMIT")), one(query("SELECT count(*) FROM orders")),
	},
	"refused in an implicit transaction": {
		one(parse("", "INSERT INTO orders (id) VALUES (60)"), bind("", ""), exec("", 0), parse("", "SELECT * FROM secrets"), bind("", ""),
			exec("", 0), parse("", "SELECT 1"), sync_),
		one(query("SELECT count(*) FROM orders")),
		one(parse("", "SELECT * FROM secrets"), parse("", "SELECT 1"), bind("", ""), exec("", 0), sync_),
		one(parse("", "SELECT 1"), query("SELECT * FROM secrets")), one(bind("", ""), sync_),
		one(query("SELECT * FROM secrets; SELECT 1")),
	},
	"extended": {
		one(parse("", "SELECT item FROM orders WHERE id = $1"), describe('S', ""), bind("", "", "1"), describe('P', ""), exec("", 0), sync_),
		one(bind("", "", "2"), exec("", 0), sync_),
		one(parse("s", "SELECT id FROM orders WHERE item = $1 OR id = $2", 25), describe('S', "s"), sync_),
		one(bind("p", "s", "anvil", "2"), exec("p", 1), exec("p", 1), exec("p", 0), closing('P', "p"), exec("p", 0), sync_),
		one(parse("s", "SELECT 1"), sync_), one(closing('S', "s"), closing('S', "s"), sync_), one(bind("", "s"), sync_),
		one(parse("", ""), describe('S', ""), bind("", ""), describe('P', ""), exec("", 0), sync_),
		one(parse("", "INSERT INTO orders (id, item) VALUES ($1, $2)"), describe('S', ""), bind("", "", "9", "nine"), describe('P', ""), exec("", 0), sync_),
		one(parse("", "SELECT $1::int + $2"), bind("", "", "1", "x"), exec("", 0), sync_),
		one(parse("", "SELECT id FROM orders WHERE id = $3"), describe('S', ""), sync_),
		one(sync_), one(flush, sync_),
	},
	"bind counts": {
		one(parse("s", "SELECT id FROM orders WHERE id = $1 AND item = $2"), sync_),
		one(bind("", "s", "1"), sync_), one(bind("", "s", "1", "x", "y"), sync_), one(bind("", "s"), sync_),
		one(&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{0, 0, 0}, Parameters: [][]byte{[]byte("1"), []byte("x")}}, sync_),
		one(&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{0, 0, 0, 1}, []byte("anvil")}}, exec("", 0), sync_),
		one(&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{1, 0}, Parameters: [][]byte{{0, 0, 0, 1}, []byte("anvil")},
			ResultFormatCodes: []int16{1}}, exec("", 0), sync_),
		one(&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{0}, Parameters: [][]byte{[]byte("1"), nil}}, exec("", 0), sync_),
		one(&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{7}, Parameters: [][]byte{[]byte("1"), []byte("x")}}, sync_),
		one(&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{1}, Parameters: [][]byte{[]byte("1"), []byte("x")}}, sync_),
		one(query("BEGIN")), one(query("SELECT 1/0")), one(bind("", "s", "1"), sync_), one(bind("", "s", "1", "x"), sync_), one(bind("", "none"), sync_),
		one(parse("", "SELECT 1"), sync_), one(parse("", "SELECT * FROM secrets"), sync_), one(describe('S', "s"), sync_), one(describe('S', "none"), sync_),
		one(parse("", "ROLLBACK"), bind("", ""), exec("", 0), sync_),
	},
	"one code for no parameters": {
		one(parse("s", "SELECT id FROM orders"), sync_),
		one(&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{1}}, exec("", 1), exec("", 0), sync_),
	},
	"errors skip to sync": {
		one(parse("a", "SELECT 1/$1"), bind("", "a", "0"), exec("", 0), parse("b", "SELECT 2"), bind("", "b"), exec("", 0), query("SELECT 3"), flush, sync_),
		one(bind("", "b"), sync_), one(bind("", "a", "1"), exec("", 0), sync_),
		one(closing('S', "none"), exec("none", 0), closing('S', "a"), sync_), one(bind("", "a", "1"), exec("", 0), sync_),
		one(describe('P', "none"), sync_), one(describe('X', "none"), sync_), one(closing('X', "none"), sync_),
	},
	"unnamed statement": {
		one(parse("", "SELECT 1"), sync_), one(bind("", ""), exec("", 0), sync_), one(query("SELECT 2")), one(bind("", ""), sync_),
		one(parse("", "SELECT 1"), sync_), one(parse("", "SELECT nothing"), sync_), one(bind("", ""), sync_),
		one(parse("", "SELECT 1"), sync_), one(parse("", "SELECT * FROM secrets"), sync_), one(bind("", ""), sync_),
		one(parse("", "SELECT 1"), sync_), one(parse("x", "SELECT nothing"), parse("", "SELECT 2"), sync_), one(bind("", ""), exec("", 0), sync_),
	},
	"groups in flight": {
		many(4, parse("s", "SELECT id FROM orders WHERE id = $1"), sync_, bind("", "s", "1"), exec("", 0), sync_, closing('S', "s"), sync_, bind("", "s", "1"), sync_),
		many(5, parse("t", "SELECT 1"), sync_, parse("t", "SELECT id FROM orders WHERE id = $1"), sync_, bind("", "t"), exec("", 0), sync_,
			exec("none", 0), parse("u", "SELECT 2"), sync_, bind("", "u"), sync_),
		many(3, query("SELECT 1"), query("SELECT 1/0"), query("SELECT 3")),
		many(4, query("BEGIN"), query("SELECT * FROM secrets"), query("SELECT 3"), query("ROLLBACK")),
		many(2, parse("", "BEGIN"), bind("", ""), exec("", 0), sync_, parse("", "COMMIT"), bind("", ""), exec("", 0), sync_),
	},
	"portals": {
		one(query("BEGIN")), one(parse("", "SELECT id FROM orders ORDER BY id"), bind("a", ""), exec("a", 1), sync_), one(exec("a", 1), sync_), one(exec("a", 1), sync_),
		one(bind("a", ""), sync_), one(query("ROLLBACK")), one(exec("a", 1), sync_),
	},
	"outside of copy": {
		one(&pgproto3.CopyData{Data: make([]byte, 100000)}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "x"}, query("SELECT 1")),
	},
	"settings": {
		one(query("SET search_path = other")), one(query("SELECT id, item FROM orders")), one(query("RESET search_path")), one(query("SELECT id FROM orders WHERE id = 1")),
		one(query("BEGIN")), one(query("SET LOCAL search_path = other")), one(query("SELECT id FROM orders")), one(query("COMMIT")), one(query("SELECT id FROM orders WHERE id = 1")),
		one(query("BEGIN")), one(query("SAVEPOINT a")), one(query("SET search_path = other")), one(query("SELECT id FROM orders")), one(query("ROLLBACK TO a")),
		one(query("SELECT id FROM orders WHERE id = 1")), one(query("ROLLBACK")),
		many(2, parse("", "SET search_path = other"), bind("", ""), exec("", 0), parse("", "SELECT id FROM orders"), bind("", ""), exec("", 0),
			parse("", "SELECT 1/0"), bind("", ""), exec("", 0), sync_, query("SELECT id FROM orders WHERE id = 1")),
		one(query("SET application_name = 'x'")), one(query("SET TIME ZONE 'UTC'")), one(query("SHOW application_name")),
	},
	"locks in a read-only transaction": {
		one(query("BEGIN READ ONLY")), one(query("SAVEPOINT a")), one(query("SELECT * FROM shown FOR NO KEY UPDATE")), one(query("ROLLBACK TO a")),
		one(query("SELECT id FROM orders FOR SHARE OF orders")), one(query("ROLLBACK TO a")), one(query("SELECT id FROM orders o FULL JOIN numbers n ON n = id FOR KEY SHARE")),
		one(query("ROLLBACK")),
	},
	"notice": {one(query("ROLLBACK")), one(query("COMMIT"))},
}

// TestAnswersLikePostgres runs each script through the proxy and on Postgres itself, with acme's rows alone.
func TestAnswersLikePostgres(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			own := throwawaytest.Database(t, w.pg, onlyAcme)
			must(t, w.pg.Exec(context.Background(), w.database, "DELETE FROM orders WHERE tenant_id = 'acme'; INSERT INTO orders VALUES ('acme', 1, 'anvil'), ('acme', 2, 'rope')"))
			direct, proxied := dialRaw(t, w.pg.DSN("app_proxy", own)), dialRaw(t, w.dsn())
			for i, s := range script {
				want, got := direct.say(s.ready, s.messages...), proxied.say(s.ready, s.messages...)
				for j := range got {
					got[j] = refusals.Replace(got[j])
				}
				if !slices.Equal(want, got) {
					t.Errorf("step %d\nPostgres: %s\npgcordon: %s", i, strings.Join(want, "\n          "), strings.Join(got, "\n          "))
				}
			}
		})
	}
}
