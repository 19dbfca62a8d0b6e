package conformance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var (
	seed      = flag.Uint64("seed", 1, "seed of the first random sequence")
	sequences = flag.Int("sequences", 300, "how many random sequences TestRandomSequences plays; each has the seed of the one before plus one")
)

// TestRandomSequences plays random messages, most of them in an order that no driver would choose. As a hunt:
//
//	go test ./test/conformance -run Random -args -sequences 20000 -seed 1000
func TestRandomSequences(t *testing.T) {
	if worlds == nil {
		t.Skip("needs Postgres: no server on this machine")
	}
	known, own, err := allDifferences(worlds.Postgres.Major)
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for n := range uint64(*sequences) {
		s, err := randomScript(*seed + n)
		if err != nil {
			t.Fatal(err)
		}
		direct, err := run(s, worlds.Direct)
		if err != nil {
			t.Fatalf("%s, direct: %v\n%s", s.name, err, s.text())
		}
		proxied, err := run(s, worlds.Proxied)
		if err != nil {
			t.Fatalf("%s, through pgcordon: %v\n%s", s.name, err, s.text())
		}
		owned, err := run(s, worlds.Owned)
		if err != nil {
			t.Fatalf("%s, on an own database: %v\n%s", s.name, err, s.text())
		}
		text := known.check(s.id(), direct, proxied)
		if differs := own.check(s.id(), direct, owned); differs != "" {
			text += "on an own database: " + differs
		}
		if text != "" {
			t.Errorf("%s\n%s\n%s", s.name, s.text(), text)
			// What one side has written from here on, the other may not have.
			if failures++; failures == 3 {
				t.FailNow()
			}
		}
	}
}

// text is the case as it would stand in a script.
func (s script) text() string {
	lines := []string{"case " + s.name}
	for _, st := range s.steps {
		lines = append(lines, st.line)
	}
	return strings.Join(lines, "\n")
}

// queries are what the sequences are made of: of tenants' tables and not, with and without parameters, failing early and late.
var queries = []string{
	"select 1", "select $1::int", "select id, name from customers where id = $1", "select id from orders where id > 1000 order by id limit 5",
	"select n from generate_series(1, 4) n", "select 2 / (3 - n) from generate_series(1, 4) n", "select 1/0", "", "selec", "select * from nowhere",
	"begin", "begin", "commit", "rollback", "savepoint a", "rollback to a", "release a",
	"insert into customers (id, name) values ($1, 'random')", "insert into customers (id, name) values (5001, 'random') returning id",
	"update customers set name = 'again' where id = $1 returning id, name", "delete from customers where id >= 5000", "delete from orders where id = $1",
	"select count(*) from customers", "show application_name", "set application_name = 'random'", "reset application_name",
	"select c.id, o.id from customers c left join orders o on o.customer_id = c.id and o.id < $1 order by 1, 2",
}

// several joins two statements. None of them is one that pgcordon can tell to fail before it runs: that refuses both.
func several(r *rand.Rand) string {
	var texts []string
	for len(texts) < 2 {
		text := queries[r.IntN(len(queries))]
		if !strings.Contains(text, "$1") && !strings.Contains(text, "nowhere") {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

func randomScript(seed uint64) (script, error) {
	r := rand.New(rand.NewPCG(seed, 0))
	s := script{file: "random", name: fmt.Sprintf("seed %d", seed)}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	statement := func() string { return pick("", "", "s", "t") }
	portal := func() string { return pick("", "", "p", "q") }
	query := func() string { return queries[r.IntN(len(queries))] }
	value := func() string {
		return pick(`{"text": "1"}`, `{"text": "5000"}`, `{"text": "5002"}`, `{"text": "x"}`, `null`, `{"text": "3"}`)
	}
	bind := func(portal, statement string) string {
		parameters := pick("", value(), value(), value(), value()+", "+value())
		return fmt.Sprintf(`> Bind {"DestinationPortal": %q, "PreparedStatement": %q, "Parameters": [%s], "ResultFormatCodes": [%s]}`,
			portal, statement, parameters, pick("", "", "1"))
	}
	var lines []string
	for range 3 + r.IntN(12) {
		switch r.IntN(12) {
		case 0, 1:
			// The usual run of an unnamed statement.
			lines = append(lines, fmt.Sprintf(`> Parse {"Query": %q}`, query()), bind("", ""),
				`> Describe {"ObjectType": "P"}`, fmt.Sprintf(`> Execute {"MaxRows": %s}`, pick("0", "0", "1", "2")))
		case 2, 3:
			lines = append(lines, fmt.Sprintf(`> Parse {"Name": %q, "Query": %q}`, statement(), query()))
		case 4, 5:
			lines = append(lines, bind(portal(), statement()))
		case 6:
			lines = append(lines, fmt.Sprintf(`> Execute {"Portal": %q, "MaxRows": %s}`, portal(), pick("0", "1", "2")))
		case 7:
			kind, name := "S", statement()
			if r.IntN(2) == 0 {
				kind, name = "P", portal()
			}
			lines = append(lines, fmt.Sprintf(`> %s {"ObjectType": %q, "Name": %q}`, pick("Describe", "Close"), kind, name))
		case 8, 9:
			lines = append(lines, "> Sync")
		case 10:
			lines = append(lines, "> Flush")
		case 11:
			lines = append(lines, fmt.Sprintf(`> Query {"String": %q}`, pick(query(), query(), several(r))))
		}
	}
	for _, line := range append(lines, "end") {
		st, err := parseStep(line)
		if err != nil {
			return s, fmt.Errorf("%s: %w", line, err)
		}
		s.steps = append(s.steps, st)
	}
	return s, nil
}
