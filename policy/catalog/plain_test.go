package catalog

import "testing"

func TestPlain(t *testing.T) {
	for source, want := range map[string]bool{
		"BEGIN NEW.updated_at = now(); RETURN NEW; END":                                                        true,
		"\nBEGIN\n  -- it's touched\n  NEW.updated_at := pg_catalog.clock_timestamp();\n  RETURN NEW;\nEND;\n": true,
		"BEGIN IF NEW.email IS DISTINCT FROM OLD.email THEN NEW.confirmed := false; END IF; RETURN NEW; END":   true,
		"BEGIN IF NEW.a <> OLD.a THEN RAISE EXCEPTION 'a; set_config(''x'')'; END IF; RETURN NULL; END":        true,
		"BEGIN NEW.doc := to_tsvector('english', coalesce(NEW.title, '') || ' ' || NEW.body); RETURN NEW; END": true,
		"BEGIN NEW.id := upper(NEW.id)::text; RETURN NEW; END":                                                 true,
		"BEGIN NEW.id := NEW.id::code; RETURN NEW; END":                                                        false,
		"BEGIN NEW.updated_at = touched(); RETURN NEW; END":                                                    false,
		"BEGIN NEW.updated_at = other.now(); RETURN NEW; END":                                                  false,
		"BEGIN PERFORM set_config('app.x', 'y', false); RETURN NEW; END":                                       false,
		"BEGIN NEW.a := set_config('app.x', 'y', false); RETURN NEW; END":                                      false,
		"BEGIN NEW.a := (SELECT b FROM v); RETURN NEW; END":                                                    false,
		"BEGIN SET app.x = 'y'; RETURN NEW; END":                                                               false,
		"BEGIN NEW.a := '--'; SET app.x = 'y'; RETURN NEW; END":                                                false,
		"BEGIN --'\nSET app.x = 'y'; --'\nRETURN NEW; END":                                                     false,
		"BEGIN IF true THEN LISTEN ch; END IF; RETURN NEW; END":                                                false,
		"BEGIN EXECUTE 'SET app.x = 1'; RETURN NEW; END":                                                       false,
		"BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END":                                               false,
		`BEGIN NEW.a := "set_config"('app.x', 'y', false); RETURN NEW; END`:                                    false,
		`BEGIN NEW.a := E'\''; SET app.x = 'y'; RETURN NEW; END`:                                               false,
		"DECLARE x int; BEGIN RETURN NEW; END":                                                                 false,
		"BEGIN NEW.a := 1 OPERATOR(public.+) 2; RETURN NEW; END":                                               false,
		"BEGIN RETURN set_config('app.x', 'y', false); END":                                                    false,
		"BEGIN RAISE NOTICE '%', set_config('app.x', 'y', false); RETURN NEW; END":                             false,
	} {
		if got := plain(source); got != want {
			t.Errorf("%q: %v", source, got)
		}
	}
}
