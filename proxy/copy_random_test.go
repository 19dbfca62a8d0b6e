package proxy_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgcordon/test/throwaway/throwawaytest"
)

var (
	copyRounds = flag.Int("copies", 400, "how many random COPYs TestRandomCopy compares")
	copySeed   = flag.Uint64("copyseed", 0, "the seed of TestRandomCopy; 0 draws one")
)

const copySchema = `
DO $$ BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_proxy') THEN CREATE ROLE app_proxy LOGIN; END IF;
END $$;
CREATE TABLE first (tenant_id text DEFAULT 'acme', a text, n int, b text);
CREATE TABLE third (a text, n int, tenant_id text DEFAULT 'acme');
CREATE TABLE numbered (a text, tenant_id int DEFAULT 42, b text);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app_proxy;
`

// randomCopy is one COPY FROM STDIN, and what is sent for it.
type randomCopy struct {
	rand    *rand.Rand
	table   string
	columns []string
	listed  bool
	options []string

	binary                   bool
	csv                      bool
	delimiter, quote, escape string
	header                   bool
	data                     []byte
}

func (c *randomCopy) sql() string {
	s := "COPY " + c.table
	if c.listed {
		s += " (" + strings.Join(c.columns, ", ") + ")"
	}
	s += " FROM STDIN"
	if len(c.options) > 0 {
		s += " WITH (" + strings.Join(c.options, ", ") + ")"
	}
	return s
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func newRandomCopy(r *rand.Rand, version int) *randomCopy {
	c := &randomCopy{rand: r, delimiter: "\t", quote: `"`}
	c.table = pick(r, "first", "third", "numbered")
	c.columns = map[string][]string{"first": {"tenant_id", "a", "n", "b"}, "third": {"a", "n", "tenant_id"}, "numbered": {"a", "tenant_id", "b"}}[c.table]
	if r.IntN(3) > 0 {
		c.listed = true
		c.columns = slices.Clone(c.columns)
		r.Shuffle(len(c.columns), func(i, j int) { c.columns[i], c.columns[j] = c.columns[j], c.columns[i] })
		c.columns = c.columns[:1+r.IntN(len(c.columns))]
	}
	switch r.IntN(5) {
	case 0:
		c.binary, c.options = true, []string{"FORMAT binary"}
		c.binaryData()
		return c
	case 1, 2:
		c.csv, c.delimiter, c.options = true, ",", []string{"FORMAT csv"}
	}
	option := func(name string, to *string, from ...string) {
		if r.IntN(4) == 0 {
			*to = pick(r, from...)
			c.options = append(c.options, name+" '"+strings.ReplaceAll(*to, "'", "''")+"'")
		}
	}
	var null string
	if c.csv {
		option("DELIMITER", &c.delimiter, "|", ";", "A", `\`, "a", ".", " ")
		option("QUOTE", &c.quote, "'", "q", "|", ",")
		c.escape = c.quote
		option("ESCAPE", &c.escape, `\`, "e", "'", "a")
		option("NULL", &null, "acme", "x", `\N`, "42", `\.`)
		if r.IntN(5) == 0 {
			c.options = append(c.options, pick(r, "FORCE_NULL", "FORCE_NOT_NULL")+" ("+pick(r, c.columns...)+")")
		}
	} else {
		option("DELIMITER", &c.delimiter, "|", ";", "A", "$", " ", `"`)
		option("NULL", &null, "acme", "", "x", "42", `\\N`, `\x61cme`)
	}
	if (c.csv || version >= 150000) && r.IntN(4) == 0 {
		c.header = true
		c.options = append(c.options, "HEADER "+pick(r, "true", "true", "match"))
	}
	if version < 150000 {
		for i, o := range c.options {
			c.options[i] = strings.Replace(o, "HEADER match", "HEADER true", 1)
		}
	}
	c.textData()
	return c
}

// value is a value for a column, in no format.
func (c *randomCopy) value(column string) string {
	r := c.rand
	switch {
	case column == "tenant_id" && c.table == "numbered":
		return pick(r, "42", "42", "42", "42", "42", " 42", "042", "43", "globex", "")
	case column == "tenant_id":
		return pick(r, "acme", "acme", "acme", "acme", "acme", "acme", "globex", "acme ", "")
	case column == "n":
		return pick(r, "1", "2", "3", "4", "5", "x")
	}
	return pick(r, "", "x", "plain text", "acme", "globex", `a\b`, "tab\there", "line\nline", "cr\rcr", "crlf\r\n", `say "so"`, `\.`, `\N`, "é€", "A|;,'", ".", `\`)
}

// spell writes a value as the format has it, mostly.
func (c *randomCopy) spell(v string) string {
	r := c.rand
	if r.IntN(30) == 0 {
		return v
	}
	if c.csv {
		if r.IntN(3) > 0 && !strings.ContainsAny(v, c.delimiter+c.quote+"\r\n") {
			return v
		}
		var b strings.Builder
		b.WriteString(c.quote)
		for i := range len(v) {
			if v[i] == c.quote[0] || v[i] == c.escape[0] {
				b.WriteString(c.escape)
			}
			b.WriteByte(v[i])
		}
		return b.String() + c.quote
	}
	var b strings.Builder
	for i := range len(v) {
		switch {
		case v[i] == '\n' && r.IntN(2) == 0:
			b.WriteString(`\n`)
		case strings.IndexByte("\\\n\r"+c.delimiter, v[i]) >= 0:
			b.WriteByte('\\')
			b.WriteByte(v[i])
		case r.IntN(20) == 0 && v[i] < 0x80:
			fmt.Fprintf(&b, pick(r, `\x%02x`, `\%03o`), v[i])
		default:
			b.WriteByte(v[i])
		}
	}
	return b.String()
}

func (c *randomCopy) textData() {
	r := c.rand
	end := pick(r, "\n", "\n", "\n", "\r\n", "\r")
	var b strings.Builder
	line := func(values []string) {
		b.WriteString(strings.Join(values, c.delimiter))
		if r.IntN(40) == 0 {
			end = pick(r, "\n", "\r\n", "\r")
		}
		b.WriteString(end)
	}
	if c.header {
		line(c.columns)
	}
	for range r.IntN(8) {
		var values []string
		for _, column := range c.columns {
			values = append(values, c.spell(c.value(column)))
		}
		switch r.IntN(40) {
		case 0:
			values = append(values, "more")
		case 1:
			values = values[1:]
		case 2:
			values = []string{`\.`}
		}
		line(values)
	}
	s := b.String()
	if r.IntN(4) == 0 {
		s = strings.TrimSuffix(s, end)
	}
	for range max(0, r.IntN(9)-5) {
		at := r.IntN(len(s) + 1)
		if r.IntN(3) == 0 && at < len(s) {
			s = s[:at] + s[at+1:]
		} else {
			s = s[:at] + pick(r, "\n", "\r", "\r\n", `\`, ".", `\.`, "\n\\.\n", "\r\n\\.\r\n", c.quote, c.escape, c.delimiter, c.delimiter, "acme", "globex", `\N`, "\x00", "\xff", "é",
				"\n\n", `""`, `\x61`, "globex"+c.delimiter, "\nglobex"+c.delimiter) + s[at:]
		}
	}
	c.data = []byte(s)
}

func (c *randomCopy) binaryData() {
	r := c.rand
	b := append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	if r.IntN(10) == 0 {
		b = append(b[:15], 0, 0, 0, 3, 'a', 'b', 'c')
	}
	for range r.IntN(6) {
		n := len(c.columns)
		if r.IntN(20) == 0 {
			n += pick(r, -1, 1)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		for _, column := range c.columns {
			v := []byte(c.value(column))
			if column == "n" || column == "tenant_id" && c.table == "numbered" {
				v = binary.BigEndian.AppendUint32(nil, pick[uint32](r, 42, 42, 42, 42, 1))
			}
			if r.IntN(20) == 0 {
				b = binary.BigEndian.AppendUint32(b, 0xffffffff)
				continue
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		}
	}
	if r.IntN(5) > 0 {
		b = append(b, 0xff, 0xff)
	}
	for range max(0, r.IntN(9)-6) {
		at := r.IntN(len(b))
		switch r.IntN(3) {
		case 0:
			b[at] = pick[byte](r, 0, 1, 2, 3, 0xff, 'a')
		case 1:
			b = append(b[:at], b[at+1:]...)
		case 2:
			b = slices.Insert(b, at, 0)
		}
	}
	c.data = b
}

// run sends the COPY, its data cut anywhere, and returns its command tag, or its error.
func (c *randomCopy) run(client *rawClient) (tag string, failed *pgproto3.ErrorResponse) {
	client.Send(query(c.sql()))
	for rest := c.data; len(rest) > 0; {
		n := min(len(rest), 1+c.rand.IntN(pick(c.rand, 1, 4, 1000)))
		client.Send(&pgproto3.CopyData{Data: rest[:n]})
		rest = rest[n:]
	}
	client.Send(copied)
	must(client.t, client.Flush())
	for {
		m, err := client.Receive()
		must(client.t, err)
		switch m := m.(type) {
		case *pgproto3.CommandComplete:
			tag = string(m.CommandTag)
		case *pgproto3.ErrorResponse:
			e := *m
			failed = &e
		case *pgproto3.ReadyForQuery:
			return tag, failed
		}
	}
}

const copyContents = `SELECT coalesce(string_agg(t, E'\n' ORDER BY t COLLATE "C"), '') FROM (SELECT (x.*)::text FROM %[1]s x) AS s(t)`

// TestRandomCopy sends random rows, many of them malformed, in all formats to acme's own database and through the proxy. Both must take the same rows
// or say the same, unless a row holds another tenant: then nothing may be kept.
func TestRandomCopy(t *testing.T) {
	seed := *copySeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-copyseed %d", seed)
	w := newWorld(t, worldOptions{})
	ctx := context.Background()
	must(t, w.pg.Exec(ctx, w.database, copySchema))
	w.active.Planner = w.planner(strings.Replace(policyYAML, "tables:", "tables:\n  - {match: public.numbered, scope: tenant, type: int4}", 1))
	w.active.Users = w.users("acme_app", "globex_app", "support", "forty_two")
	w.server.Swap(w.active)
	own := throwawaytest.Database(t, w.pg, copySchema)
	var shared [2]*pgx.Conn
	for i, database := range []string{w.database, own} {
		conn, err := pgx.Connect(ctx, w.pg.DSN(w.pg.Superuser, database))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close(ctx) })
		shared[i] = conn
	}
	version := 0
	must(t, shared[0].QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version))
	direct := dialRaw(t, w.pg.DSN("app_proxy", own))
	acme, number := dialRaw(t, w.dsn()), dialRaw(t, w.dsnOf("forty_two"))
	taken, refused := 0, 0
	for i := range *copyRounds {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		c := newRandomCopy(r, version)
		client, tenant := acme, "'acme'"
		if c.table == "numbered" {
			client, tenant = number, "42"
		}
		wantTag, wantError := c.run(direct)
		gotTag, gotError := c.run(client)
		var want, got string
		foreign := 0
		must(t, shared[1].QueryRow(ctx, fmt.Sprintf(copyContents, c.table)).Scan(&want))
		must(t, shared[0].QueryRow(ctx, fmt.Sprintf(copyContents, c.table)).Scan(&got))
		must(t, shared[1].QueryRow(ctx, "SELECT count(*) FROM "+c.table+" WHERE tenant_id IS DISTINCT FROM "+tenant).Scan(&foreign))
		denied := gotError != nil && gotError.Code == "42501" && strings.Contains(gotError.Message, "tenant column")
		switch {
		case foreign > 0 && denied && got == "":
		case foreign == 0 && wantTag == gotTag && want == got && c.said(wantError) == c.said(gotError):
		case wantError != nil && denied && got == "" && slices.Contains(c.columns, "tenant_id"):
		case wantError != nil && gotError != nil && got == "" && slices.Contains(c.columns, "tenant_id"):
			// What is wrong in the tenant's field never gets to Postgres, which finds the line's next mistake.
		case wantError != nil && wantError.Code == "22021" && gotError != nil && got == "":
			// Behind a carriage return Postgres looks at the next byte, which is the added column's.
		default:
			t.Errorf("round %d: %s\n%q\nPostgres: %s %s\n%s\npgcordon: %s %s\n%s", i, c.sql(), c.data, wantTag, c.said(wantError), want, gotTag, c.said(gotError), got)
			if t.Failed() && i > 5 {
				return
			}
		}
		if gotError == nil {
			taken++
		} else {
			refused++
		}
		for _, conn := range shared {
			_, err := conn.Exec(ctx, "TRUNCATE "+c.table)
			must(t, err)
		}
	}
	t.Logf("%d taken, %d refused", taken, refused)
	if taken == 0 || refused == 0 {
		t.Error("one side of the test did not occur")
	}
}

// said is what a client reads of an error of COPY. A line in the context is cut to a length that the added column counts for, and when the rows hold
// the tenant column it is shown with the tenant's id, which has no newlines to be counted.
func (c *randomCopy) said(e *pgproto3.ErrorResponse) string {
	if e == nil {
		return ""
	}
	where := e.Where
	if e.Code == "22P04" && c.csv && slices.Contains(c.columns, "tenant_id") {
		where, _, _ = strings.Cut(where, ", line ")
	}
	if strings.HasSuffix(where, `..."`) || !strings.Contains(where, ", column ") && slices.Contains(c.columns, "tenant_id") {
		where, _, _ = strings.Cut(where, `: "`)
	}
	return e.Code + " " + e.Message + " / " + where
}
