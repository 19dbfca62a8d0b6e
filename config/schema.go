package config

import (
	"bytes"
	"encoding/json"
	"reflect"

	"pgcordon/config/yamlpos"
	"pgcordon/policy"
)

// ConfigSchema returns the JSON Schema of pgcordon.yaml, which stands in config/schema/config.json.
func ConfigSchema() []byte {
	return schemaJSON(yamlpos.Schema(reflect.TypeFor[File](), "pgcordon.yaml"))
}

// PolicySchema returns the JSON Schema of policy.yaml, which stands in config/schema/policy.json.
func PolicySchema() []byte {
	return schemaJSON(yamlpos.Schema(reflect.TypeFor[policy.File](), "policy.yaml"))
}

func schemaJSON(schema map[string]any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		panic(err) // maps, strings and numbers always encode
	}
	return buf.Bytes()
}
