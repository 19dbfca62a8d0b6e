package auth

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgcordon/test/throwaway"
	"pgcordon/test/throwaway/throwawaytest"
)

// passwords where SASLprep does something, or does not apply.
var passwords = map[string]string{
	"ascii":                      "correct horse battery staple",
	"case and signs":             `Tr0ub4dor&3 '"\$`,
	"composed":                   "pässwörd",
	"decomposed":                 "pa\u0308sswo\u0308rd",
	"soft hyphen is dropped":     "I\u00adX",
	"roman numeral becomes IX":   "\u2168",
	"ordinal becomes a":          "\u00aa",
	"spaces become a space":      "a\u00a0b\u2003c",
	"control character is kept":  "bell\u0007",
	"control beside non-ASCII":   "ü\u0007",
	"mixed directions":           "\u0627\u0031",
	"right to left":              "\u0627\u0031\u0628",
	"unassigned in Unicode 3.2":  "emoji \U0001F600",
	"full width":                 "\uff50\uff41\uff53\uff53",
	"nothing left":               "\u00ad",
	"private use is prohibited":  "\ue000ü",
	"long":                       strings.Repeat("0123456789", 20),
	"tag characters are refused": "x\U000e0041",
}

// Postgres made the verifier: the same password gives the same one here.
func TestVerifiersOfPostgres(t *testing.T) {
	pg := throwawaytest.ForTest(t)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pg.DSN("", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for name, password := range passwords {
		quoted := "'" + strings.ReplaceAll(password, "'", "''") + "'"
		if _, err := conn.Exec(ctx, "DROP ROLE IF EXISTS scram_user; SET password_encryption='scram-sha-256'; CREATE ROLE scram_user LOGIN PASSWORD "+quoted,
			pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var stored string
		if err := conn.QueryRow(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname='scram_user'").Scan(&stored); err != nil {
			t.Fatal(err)
		}
		v, err := ParseVerifier(stored)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		made, err := deriveVerifier(password, v.iterations, v.salt)
		if err != nil || made.Text() != stored {
			t.Errorf("%s: derived %s (%v), Postgres %s", name, made.Text(), err, stored)
		}
	}
}

// The verifier was made here: Postgres takes it, and lets the password in. Only passwords that pgconn prepares as Postgres does.
func TestPostgresTakesVerifiers(t *testing.T) {
	pg := throwawaytest.Start(t, throwaway.Options{HBA: []string{"host all scram_login 127.0.0.1/32 scram-sha-256"}})
	ctx := context.Background()
	for _, name := range []string{"ascii", "composed", "decomposed"} {
		v, err := MakeVerifier(passwords[name], 4097)
		if err != nil {
			t.Fatal(err)
		}
		if err := pg.Exec(ctx, "postgres", fmt.Sprintf("DROP ROLE IF EXISTS scram_login; CREATE ROLE scram_login LOGIN PASSWORD '%s'", v.Text())); err != nil {
			t.Fatal(err)
		}
		config, err := pgconn.ParseConfig(pg.DSN("scram_login", "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		config.Password = passwords[name]
		conn, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close(ctx)
		config.Password += "x"
		if conn, err := pgconn.ConnectConfig(ctx, config); err == nil {
			conn.Close(ctx)
			t.Errorf("%s: a wrong password got in", name)
		}
	}
}
