package attack_test

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

func rows(data string) *pgproto3.CopyData { return &pgproto3.CopyData{Data: []byte(data)} }

// byByte cuts rows into messages of one byte.
func byByte(data string) messages {
	var out messages
	for i := range len(data) {
		out = append(out, rows(data[i:i+1]))
	}
	return out
}

// into is a COPY of the given rows.
func into(sql string, parts ...messages) messages {
	out := messages{query(sql)}
	for _, p := range parts {
		out = append(out, p...)
	}
	return append(out, &pgproto3.CopyDone{})
}

const signature = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// smuggled are tries to bring rows of another tenant past what reads the rows of COPY FROM STDIN, and to see other tenants' by COPY TO. Where
// they are not refused, the rows are the attacker's own, or Postgres reads none.
func smuggled(major int) []exchange {
	const named, unnamed = "COPY orders (tenant_id, secret) FROM STDIN", "COPY orders (secret) FROM STDIN"
	globex := "globex\tPLANT\n"
	refused := map[string]messages{
		"cut-anywhere":         into(named, byByte(globex)),
		"after-own-rows":       into(named, messages{rows(strings.Repeat("acme\tmine\n", 10000)), rows(globex)}),
		"octal":                into(named, messages{rows("\\147lobex\tPLANT\n")}),
		"hex-cut":              into(named, byByte("\\x67lobex\tPLANT\n")),
		"backslashed-letters":  into(named, messages{rows("g\\lo\\be\\x\tPLANT\n")}), // \b is no b
		"null":                 into(named, messages{rows("\\N\tPLANT\n")}),
		"null-is-own-id":       into(named+" WITH (NULL 'acme')", messages{rows("acme\tPLANT\n")}),
		"empty":                into(named, messages{rows("\tPLANT\n")}),
		"no-newline":           into(named, messages{rows("globex\tPLANT")}),
		"before-end-mark":      into(named, messages{rows("globex\tPLANT\\.\n")}),
		"carriage-returns":     into(named, messages{rows("acme\tx\r"), rows("globex\tPLANT\r")}),
		"crlf-cut":             into(named, byByte("acme\tx\r\nglobex\tPLANT\r\n")),
		"mixed-ends":           into(named, messages{rows("acme\tx\n"), rows("acme\tx\rglobex\tPLANT\n")}),
		"value-as-line":        into(unnamed, messages{rows("x\nglobex\tPLANT\n")}),
		"more-columns":         into(unnamed, messages{rows("globex\tPLANT\n")}),
		"more-columns-binary":  into(unnamed+" (FORMAT binary)", messages{rows(signature + "\x00\x02\x00\x00\x00\x06globex\x00\x00\x00\x05PLANT\xff\xff")}),
		"wider-binary":         into(unnamed+" (FORMAT binary)", messages{rows(signature + "\x7f\xff\x00\x00\x00\x06globex")}),
		"binary":               into(named+" (FORMAT binary)", byByte(signature+"\x00\x02\x00\x00\x00\x06globex\x00\x00\x00\x05PLANT\xff\xff")),
		"binary-null":          into(named+" (FORMAT binary)", messages{rows(signature + "\x00\x02\xff\xff\xff\xff\x00\x00\x00\x05PLANT\xff\xff")}),
		"binary-behind-end":    into(unnamed+" (FORMAT binary)", messages{rows(signature + "\xff\xff\x00\x02\x00\x00\x00\x06globex\x00\x00\x00\x05PLANT\xff\xff")}),
		"binary-negative":      into(unnamed+" (FORMAT binary)", messages{rows(signature + "\x00\x01\xff\xff\xff\xfe\x00\x02\x00\x00\x00\x06globex")}),
		"binary-no-signature":  into(unnamed+" (FORMAT binary)", messages{rows(strings.Replace(signature, "P", "X", 1) + "\x00\x02\x00\x00\x00\x06globex\x00\x00\x00\x05PLANT\xff\xff")}),
		"binary-oids":          into(unnamed+" (FORMAT binary)", messages{rows("PGCOPY\n\xff\r\n\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x05PLANT\xff\xff")}),
		"csv-quoted-tenant":    into(named+" CSV", messages{rows("\"glo\"bex,PLANT\n")}),
		"csv-embedded-newline": into("COPY orders (secret, tenant_id) FROM STDIN CSV", byByte("\"a\n,acme\nPLANT\",globex\n")),
		"csv-quote-in-value":   into("COPY orders (secret, tenant_id) FROM STDIN CSV", messages{rows("x\"\nacme,acme\n\",globex\n")}),
		"csv-escape":           into("COPY orders (secret, tenant_id) FROM STDIN CSV ESCAPE '\\'", messages{rows("\"x\\\",acme\n\",globex\n")}),
		"csv-escape-escaped":   into("COPY orders (secret, tenant_id) FROM STDIN CSV ESCAPE '\\'", messages{rows("\"x\\\\\",globex\n")}),
		"csv-null-quoted":      into(named+" (FORMAT csv, NULL 'acme', FORCE_NULL (tenant_id))", messages{rows("acme,PLANT\n")}),
		"csv-header-quoted":    into(named+" (FORMAT csv, HEADER)", messages{rows("\"tenant_id\n\",x\nglobex,PLANT\n")}),
		"csv-bad-quote":        into(named+` (FORMAT csv, QUOTE '\')`, messages{rows("\\.\nglobex,PLANT\n")}),
		"unlisted-force-null":  into(unnamed+" (FORMAT csv, FORCE_NULL (tenant_id), NULL 'acme')", messages{rows("x\n")}),
		"where-sub-select":     into(unnamed+" WHERE secret IN (SELECT secret FROM orders)", messages{rows("x\n")}),
		"error-quotes-value":   into("COPY orders (id) FROM STDIN", messages{rows("GLOBEX\n")}),
	}
	own := map[string]messages{
		"header-line":       into(named+" (FORMAT csv, HEADER)", messages{rows("globex,PLANT\n")}),
		"behind-end-mark":   into(unnamed, messages{rows("\\.\nglobex\tPLANT\n")}),
		"csv-end-mark":      into(unnamed+" CSV", byByte("\\.\nglobex,PLANT\n")),
		"escaped-newline":   into(unnamed, messages{rows("x\\\nglobex\n")}),
		"escaped-delimiter": into(unnamed, messages{rows("globex\\\tPLANT\n")}),
		"null-is-own-id":    into(unnamed+" WITH (NULL 'acme')", messages{rows("x\n")}),
		"force-null-star":   into(unnamed+" (FORMAT csv, FORCE_NULL (secret), NULL 'acme')", messages{rows("x\n")}),
		"condition":         into(unnamed+" WHERE orders.tenant_id = 'globex' OR true", messages{rows("x\n")}),
		"out-as-subset":     {query("COPY (SELECT secret FROM orders WHERE tenant_id = 'globex') TO STDOUT")},
		"out-header":        {query("COPY orders TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)")},
		"out-binary":        {query("COPY orders TO STDOUT (FORMAT binary)")},
		"out-update":        {query("COPY (UPDATE orders SET total = 0 WHERE tenant_id = 'globex' RETURNING secret) TO STDOUT")},
		"out-extended":      {parse("", "COPY orders TO STDOUT"), bind("", ""), run("", 0), syncing},
		"out-prepared":      {parse("s", "COPY (SELECT secret FROM orders) TO STDOUT"), bind("p", "s"), run("p", 1), run("p", 1), syncing},
	}
	var out []exchange
	for id, send := range refused {
		out = append(out, exchange{id: "copy-" + id, class: "copy", ready: 1, refused: true, send: send})
	}
	for id, send := range own {
		// From 18 on, \. is a value in CSV like any other: the line behind it is a row, with a field too many.
		out = append(out, exchange{id: "copy-own-" + id, class: "copy", ready: 1, refused: id == "out-prepared" || id == "csv-end-mark" && major >= 18, send: send})
	}
	return append(out,
		exchange{id: "copy-extended", class: "copy", ready: 1, refused: true,
			send: messages{parse("", named), bind("", ""), run("", 0), syncing, rows("globex\tPLANT\n"), &pgproto3.CopyDone{}, syncing}},
		exchange{id: "copy-several", class: "copy", ready: 1, refused: true,
			send: messages{query(unnamed + "; " + named), rows("x\n"), &pgproto3.CopyDone{}, rows("globex\tPLANT\n"), &pgproto3.CopyDone{}}},
		exchange{id: "copy-stray-rows", class: "copy", ready: 2,
			send: messages{query(unnamed), rows("x\n"), &pgproto3.CopyDone{}, rows("globex\tPLANT\n"), &pgproto3.CopyDone{}, query("SELECT 1")}},
		exchange{id: "copy-rows-of-a-failed-one", class: "copy", ready: 2, refused: true,
			send: messages{query(named), rows("globex\tPLANT\n"), query(unnamed), rows("globex\n"), &pgproto3.CopyDone{}}},
		exchange{id: "copy-query-between", class: "copy", refused: true,
			send: messages{query(unnamed), rows("x\n"), query("SELECT secret FROM orders"), rows("globex\tPLANT\n"), &pgproto3.CopyDone{}}})
}
