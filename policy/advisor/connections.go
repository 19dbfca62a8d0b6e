package advisor

import (
	"fmt"

	"pgcordon/policy"
)

// Connections finds that the proxy may want more connections than the server gives its role. most is how many that are; the one that reads the
// catalog comes on top. It is not among the rules of Check because the policy does not say it.
func Connections(b *policy.Bound, most int) []Finding {
	role := b.Catalog.Role
	if role.Connections == 0 || most < role.Connections {
		return nil
	}
	return []Finding{{Warning, "upstream-connections", role.Name,
		fmt.Sprintf("the proxy may open %d connections and one for the catalog, and the server gives its role at most %d", most, role.Connections),
		"lower default_pool_size, reserve_pool_size or max_db_connections; or raise max_connections of the server, or CONNECTION LIMIT of the role or the database"}}
}
