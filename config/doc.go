// Package config reads pgcordon.yaml, the proxy's own settings, and with it the policy file that it names.
//
// Load returns a Config in which nothing is left to check but what needs the live catalog (Config.Fits), or every mistake
// of both files at once, each with file, line, column and a caret. It reads the files that hold secrets too, so that a
// reload either has everything or changes nothing.
//
// The keys are File's fields: their tags and doc texts are also what the JSON Schema in config/schema and the
// reference in docs/configuration.md are held against.
//
// A secret is a Secret or an auth.Verifier from the moment it is read; neither prints itself.
package config
