// Package yamlpos decodes YAML strictly and says where each mistake is.
//
// Decode fills a Go struct by its tags and collects everything that is wrong: unknown, repeated and missing keys, wrong
// types, values out of range. Each error carries file, line and column, the source line and a caret. The caller then
// checks what only it can know, adds its own errors at a Path with Document.Errorf, and takes all of them with Document.Err.
//
// Struct tags:
//
//	yaml:"key"          the key; every exported field has one
//	require:"true"      the key must be there
//	enum:"a,b"          the value is one of these
//	min:"1" max:"9"     bounds of a number or a duration
//
// The keys of an embedded struct are keys of the struct around it.
//
// Anchors, aliases, merge keys, tags and several documents in one file are refused: a settings file needs none
// of them, and without them the cost of a file is bounded by its size, which is bounded too.
//
// A type that implements Secret is never shown: its text is masked in every source line that is printed, as are the values
// of unknown keys when Options.HideUnknown is set.
package yamlpos
