package attack_test

import (
	"context"
	"strings"
	"testing"

	"pgcordon/test/throwaway/throwawaytest"
)

// TestLatin1 gives statements and portals names that are one name to a server of UTF8, which tells them apart by their first 63 bytes, and two to
// one of LATIN1, where each of their letters is a byte. A Bind must not carry the tenant's parameters of the one to the other.
func TestLatin1(t *testing.T) {
	ctx := context.Background()
	w := &world{name: "latin1", attacker: tenant("acme"), victim: tenant("globex"), pg: throwawaytest.ForTest(t), template: "latin1_template",
		policy: read(t, "testdata/latin1.yaml")}
	must(t, w.pg.Exec(ctx, "postgres", "CREATE DATABASE latin1_template ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"))
	t.Cleanup(func() {
		w.drop()
		must(t, w.pg.Exec(ctx, "postgres", "DROP DATABASE latin1_template WITH (FORCE)"))
	})
	must(t, w.pg.Exec(ctx, "latin1_template", read(t, "testdata/latin1.sql")))
	name := strings.Repeat("é", 31) + "n"
	own, all := "SELECT secret FROM orders WHERE id > $1", "SELECT $1::text, $2::text"
	values := [][]byte{[]byte("0"), []byte("globex")}
	for _, e := range []exchange{
		{id: "statements", ready: 3, refused: true,
			send: messages{parse(name+"a", own), syncing, parse(name+"b", all), syncing, bind("", name+"a", values...), run("", 0), syncing}},
		{id: "portals", ready: 2, refused: true,
			send: messages{query("BEGIN"), parse("s", own), bind(name+"a", "s", values[0]), bind(name+"b", "s", values[0]), run(name+"a", 0), syncing}},
		{id: "plain-names", ready: 2,
			send: messages{parse("s", own), bind("p", "s", values[0]), run("p", 0), syncing, query("SELECT 'é' AS \"é\"")}},
	} {
		t.Run(e.id, func(t *testing.T) {
			s := w.at(t, "")
			c := s.connect(t, "attacker", nil)
			r := c.say(e.ready, e.send...)
			t.Log(strings.Join(r.log, "\n  "))
			if what := leak("GLOBEX-SECRET", r); what != "" {
				t.Errorf("the attacker received %s", what)
			}
			if (len(r.errors) > 0) != e.refused {
				t.Errorf("refused: %t", len(r.errors) > 0)
			}
			c.close()
			w.verify(t, s, &attempt{Why: e.id}, "")
		})
	}
}
