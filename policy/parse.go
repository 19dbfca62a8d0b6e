package policy

// Pattern matches relations by schema and name; `*` in either stands for any run of characters.
type Pattern struct{ Schema, Name string }
