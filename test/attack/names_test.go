package attack_test

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestNamesAtRandom mixes what makes, runs and closes prepared statements, by messages and by SQL, under few names. Statements of three parameters of the
// client's stand beside ones whose third is the tenant's: a Bind by the count of one that reached the other would set the tenant.
func TestNamesAtRandom(t *testing.T) {
	w := newWorld(t, "corpus", "acme", "globex")
	s := w.at(t, "")
	random := rand.New(rand.NewSource(11))
	for range 150 {
		c := s.connect(t, "attacker", nil)
		var sent messages
		ready := 0
		for range 12 {
			if group := randomGroup(random); group != nil {
				sent = append(append(sent, group...), syncing)
			} else {
				sent = append(sent, query(randomText(random)))
			}
			ready++
		}
		r := c.say(ready, sent...)
		if what := leak("GLOBEX-SECRET", r); what != "" {
			t.Errorf("the attacker received %s by %v\n%s", what, describe(sent), strings.Join(r.log, "\n"))
		}
		if r.closed {
			t.Errorf("the connection was closed by %v\n%s", describe(sent), strings.Join(r.log, "\n"))
		}
		c.close()
	}
}

// randomName is one of few, one of them with a twin that differs behind what names are told apart by.
func randomName(random *rand.Rand) string {
	return []string{"s", "t", longName, longName + "x"}[random.Intn(4)]
}

// randomText is a text for a Query or a Parse.
func randomText(random *rand.Rand) string {
	name := `"` + randomName(random) + `"`
	texts := []string{
		"DEALLOCATE " + name, "DEALLOCATE " + name, "DEALLOCATE ALL", "DISCARD ALL", "BEGIN", "ROLLBACK", "SELECT 1/0", "DEALLOCATE ALL; SELECT 1/0",
		"PREPARE " + name + "(text, bigint, text) AS SELECT $1, $2, $3", "PREPARE " + name + "(text, bigint) AS " + secrets,
		"EXECUTE " + name + "('globex', 0, 'globex')", "EXECUTE " + name + "('globex', 0)",
		"SAVEPOINT a", "ROLLBACK TO a",
	}
	return texts[random.Intn(len(texts))]
}

// randomGroup is what stands before a Sync; nil in some cases.
func randomGroup(random *rand.Rand) messages {
	var group messages
	zero := []byte("0")
	globex := []byte("globex")
	for range random.Intn(5) {
		name := randomName(random)
		switch random.Intn(7) {
		case 0:
			group = append(group, parse(name, "SELECT $1::text, $2::bigint, $3::text", 25, 20, 25))
		case 1:
			group = append(group, parse(name, secrets, 25, 20))
		case 2, 3:
			group = append(group, bind("", name, globex, zero, globex), run("", 0))
		case 4:
			group = append(group, bind("", name, globex, zero), run("", 0))
		case 5:
			group = append(group, &pgproto3.Close{ObjectType: 'S', Name: name})
		case 6:
			group = append(group, parse("", randomText(random)), bind("", ""), run("", 0))
		}
	}
	return group
}

func describe(sent messages) []string {
	var out []string
	for _, m := range sent {
		switch v := m.(type) {
		case *pgproto3.Query:
			out = append(out, "Query "+v.String)
		case *pgproto3.Parse:
			out = append(out, "Parse "+v.Name+": "+v.Query)
		case *pgproto3.Bind:
			out = append(out, "Bind "+v.PreparedStatement)
		case *pgproto3.Close:
			out = append(out, "Close "+v.Name)
		case *pgproto3.Sync:
			out = append(out, "Sync")
		}
	}
	return out
}
