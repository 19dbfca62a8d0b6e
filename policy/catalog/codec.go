package catalog

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// encoded is the form of a snapshot in a file. Everything stands in it once and in a fixed order, so that the same
// catalog gives the same bytes.
type encoded struct {
	ServerVersion  int
	Database       string
	Encoding       string `json:",omitempty"`
	SearchPath     []string
	SearchPathText string
	Schemas        []string
	Relations      []*Relation
	Functions      []*Function
	Operators      []*Operator
	Types          []*Type
	Casts          []Cast
	Role           UpstreamRole
}

// maxEncodedBytes bounds what Decode unpacks.
const maxEncodedBytes = 1 << 30

// Encode writes the snapshot as gzip of JSON.
func Encode(w io.Writer, s *Snapshot) error {
	e := encoded{
		ServerVersion: s.ServerVersion, Database: s.Database, Encoding: s.Encoding, SearchPath: s.SearchPath, SearchPathText: s.SearchPathText,
		Schemas: slices.Sorted(maps.Keys(s.Schemas)), Casts: s.Casts, Role: s.Role,
	}
	for _, r := range s.ByOID {
		e.Relations = append(e.Relations, r)
	}
	slices.SortFunc(e.Relations, func(a, b *Relation) int { return cmp.Compare(a.OID, b.OID) })
	for _, name := range e.Schemas {
		schema := s.Schemas[name]
		for _, overloads := range schema.Functions {
			e.Functions = append(e.Functions, overloads...)
		}
		for _, overloads := range schema.Operators {
			e.Operators = append(e.Operators, overloads...)
		}
	}
	slices.SortFunc(e.Functions, func(a, b *Function) int { return cmp.Compare(a.OID, b.OID) })
	slices.SortFunc(e.Operators, func(a, b *Operator) int { return cmp.Compare(a.OID, b.OID) })
	for _, t := range s.TypeByOID {
		e.Types = append(e.Types, t)
	}
	slices.SortFunc(e.Types, func(a, b *Type) int { return cmp.Compare(a.OID, b.OID) })

	zip, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(zip).Encode(e); err != nil {
		return err
	}
	return zip.Close()
}

// Decode reads what Encode wrote.
func Decode(r io.Reader) (*Snapshot, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("reading a snapshot: %w", err)
	}
	var e encoded
	dec := json.NewDecoder(io.LimitReader(zip, maxEncodedBytes))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return nil, fmt.Errorf("reading a snapshot: %w", err)
	}
	s := &Snapshot{
		ServerVersion: e.ServerVersion, Database: e.Database, Encoding: e.Encoding, SearchPath: e.SearchPath, SearchPathText: e.SearchPathText, Casts: e.Casts, Role: e.Role,
		Schemas: map[string]*Schema{}, ByOID: map[uint32]*Relation{}, TypeByOID: map[uint32]*Type{},
	}
	for _, name := range e.Schemas {
		s.Schemas[name] = newSchema(name)
	}
	missing := func(schema, what string) error {
		return fmt.Errorf("reading a snapshot: %s is in a schema that is not listed: %q", what, schema)
	}
	for _, rel := range e.Relations {
		if s.Schemas[rel.Schema] == nil {
			return nil, missing(rel.Schema, rel.Name)
		}
		s.add(rel)
	}
	for _, f := range e.Functions {
		schema := s.Schemas[f.Schema]
		if schema == nil {
			return nil, missing(f.Schema, f.Name)
		}
		schema.Functions[f.Name] = append(schema.Functions[f.Name], f)
	}
	for _, o := range e.Operators {
		schema := s.Schemas[o.Schema]
		if schema == nil {
			return nil, missing(o.Schema, o.Name)
		}
		schema.Operators[o.Name] = append(schema.Operators[o.Name], o)
	}
	for _, t := range e.Types {
		schema := s.Schemas[t.Schema]
		if schema == nil {
			return nil, missing(t.Schema, t.Name)
		}
		schema.Types[t.Name], s.TypeByOID[t.OID] = t, t
	}
	return s, nil
}
