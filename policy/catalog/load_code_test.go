package catalog_test

import (
	"slices"
	"testing"

	"pgcordon/policy/catalog"
)

const codeSchema = `
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION steady() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION ok(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE FUNCTION sets() RETURNS trigger LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM set_config(''app.x'', ''y'', false); RETURN NEW; END';
CREATE FUNCTION touches() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n := 1; RETURN NEW; END';
CREATE DOMAIN checked AS int CHECK (ok(VALUE));
CREATE DOMAIN above AS checked;
CREATE DOMAIN usual AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b above);
CREATE TABLE plain (id int PRIMARY KEY, n int DEFAULT 1 CHECK (n > 0), at timestamp DEFAULT now(), s int DEFAULT steady(), u usual, g int GENERATED ALWAYS AS (n + 1) STORED);
CREATE TABLE touched (n int);
CREATE TRIGGER t BEFORE INSERT ON touched FOR EACH ROW EXECUTE FUNCTION touches();
CREATE TABLE unchanged (n int);
CREATE TRIGGER t BEFORE UPDATE ON unchanged FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE triggered (n int);
CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION sets();
CREATE TABLE conditional (n int);
CREATE TRIGGER t BEFORE INSERT ON conditional FOR EACH ROW WHEN (ok(NEW.n)) EXECUTE FUNCTION touches();
CREATE TABLE defaulted (n int DEFAULT f());
CREATE TABLE constrained (n int CHECK (ok(n)));
CREATE TABLE operated (n int CHECK (n === 1));
CREATE TABLE of_domain (n above);
CREATE TABLE of_array (n above[]);
CREATE TABLE of_pair (n pair);
CREATE TABLE guarded (n int);
CREATE POLICY p ON guarded USING (ok(n));
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (CHECK (ok(id))) INHERITS (parent);
CREATE TABLE parted (n int) PARTITION BY LIST (n);
CREATE TABLE part PARTITION OF parted DEFAULT;
CREATE TRIGGER t BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION sets();
CREATE TABLE owner (id int PRIMARY KEY);
CREATE TABLE owned (id int PRIMARY KEY REFERENCES owner ON DELETE CASCADE);
CREATE TABLE owned_by_owned (id int REFERENCES owned ON DELETE SET NULL, n int CHECK (ok(n)));
CREATE TABLE named (id int PRIMARY KEY);
CREATE TABLE names (id int REFERENCES named, n int CHECK (ok(n)));
`

// TestLoadCode tells the tables whose writes, and the types whose values, run functions that may do anything.
func TestLoadCode(t *testing.T) {
	s := loadFrom(t, "code", "", codeSchema)
	var writes, reads, types []string
	for name, r := range s.Schemas["public"].Relations {
		if r.Kind != catalog.Table && r.Kind != catalog.PartitionedTable {
			continue
		}
		if r.WritesRunCode {
			writes = append(writes, name)
		}
		if r.ReadsRunCode {
			reads = append(reads, name)
		}
	}
	for name, typ := range s.Schemas["public"].Types {
		if typ.RunsCode && (typ.Kind == 'd' || name == "pair") {
			types = append(types, name)
		}
	}
	want := []string{"child", "conditional", "constrained", "defaulted", "guarded", "names", "of_array", "of_domain", "of_pair", "operated", "owned",
		"owned_by_owned", "owner", "parent", "part", "parted", "triggered"}
	if slices.Sort(writes); !slices.Equal(writes, want) {
		t.Errorf("writes of %q run code, want %q", writes, want)
	}
	if !slices.Equal(reads, []string{"guarded"}) {
		t.Errorf("reads of %q run code", reads)
	}
	if slices.Sort(types); !slices.Equal(types, []string{"above", "checked", "pair"}) {
		t.Errorf("values of %q are checked by code", types)
	}
}
