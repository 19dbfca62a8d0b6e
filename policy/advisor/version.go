package advisor

import (
	"fmt"

	"pgcordon/policy"
)

// lastKnownMinor is the newest minor release of each supported major version that this code knows of.
var lastKnownMinor = map[int]int{14: 25, 15: 20, 16: 16, 17: 12, 18: 6}

// serverVersion finds servers that lack fixes: some of them close faults in memory safety that plain SQL reaches.
func serverVersion(b *policy.Bound) []Finding {
	major, minor := b.Catalog.ServerVersion/10000, b.Catalog.ServerVersion%10000
	newest, known := lastKnownMinor[major]
	switch {
	case known && minor < newest:
		return []Finding{{Warning, "server-version", "server",
			fmt.Sprintf("the server is %d.%d; %d.%d fixes faults that plain SQL reaches", major, minor, major, newest),
			"update the server; a minor update needs a restart only"}}
	case major < 14:
		return []Finding{{Warning, "server-version", "server",
			fmt.Sprintf("Postgres %d gets no more fixes", major), "upgrade the server"}}
	}
	return nil
}
