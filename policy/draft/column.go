package draft

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"pgcordon/policy"
	"pgcordon/policy/catalog"
)

// columnNames are names that tenant columns have, with how much each one says.
var columnNames = map[string]int{
	"tenant_id": 100, "tenant": 90, "tenantid": 90, "tenant_uuid": 90, "tenant_key": 80,
	"org_id": 70, "organization_id": 75, "organisation_id": 75, "orgid": 60,
	"workspace_id": 65, "account_id": 55, "accountid": 50, "company_id": 60, "client_id": 45,
	"merchant_id": 50, "team_id": 40, "shop_id": 40, "store_id": 40, "site_id": 35, "customer_id": 30,
}

// tenantTables are names of tables with one row per tenant.
var tenantTables = []string{"tenants", "tenant", "organizations", "organisations", "organization", "orgs", "workspaces",
	"accounts", "companies", "clients", "merchants", "teams"}

// referenceTables are names of data that is the same for everybody.
var referenceTables = []string{"countries", "country", "currencies", "currency", "languages", "locales", "timezones", "time_zones",
	"exchange_rates", "units", "units_of_measure"}

// markNames are names of columns that mark deleted rows.
var markNames = []string{"deleted_at", "deleted_on", "is_deleted", "deleted", "removed_at"}

// markColumn returns the column that may mark deleted rows; empty for none.
func markColumn(r *catalog.Relation) string {
	const boolean, date, timestamp, timestamptz = 16, 1082, 1114, 1184
	for _, c := range r.Columns {
		switch c.TypeOID {
		case boolean, date, timestamp, timestamptz:
			if slices.Contains(markNames, strings.ToLower(c.Name)) && (c.TypeOID == boolean || !c.NotNull) {
				return c.Name
			}
		}
	}
	return ""
}

// candidate is a column name that may be the tenant column.
type candidate struct {
	name    string
	tables  int // how many tables carry it
	notNull int
	refers  int // in how many it refers to a table of tenants
	types   map[policy.ColumnType]int
}

// leastScore is what a name must reach: a telling name alone, or a weaker one that many tables carry.
const leastScore = 90

// score weighs a candidate among all tables.
func (c *candidate) score(all int) int {
	return columnNames[strings.ToLower(c.name)] + (60*c.tables+20*c.notNull+20*c.refers)/all
}

// typ is the type that most tables have the column in.
func (c *candidate) typ() policy.ColumnType {
	types := slices.Sorted(maps.Keys(c.types))
	return slices.MaxFunc(types, func(a, b policy.ColumnType) int { return cmp.Compare(c.types[a], c.types[b]) })
}

// findColumn returns the likely tenant column, or nil, and how many tables there are.
func findColumn(s *catalog.Snapshot, tables []*catalog.Relation) (best *candidate, all int) {
	found := map[string]*candidate{}
	for _, r := range tables {
		if !holdsRows(r) {
			continue
		}
		all++
		for i := range r.Columns {
			col := &r.Columns[i]
			typ, ok := policy.ColumnTypeOf(col.TypeOID)
			if !ok || columnNames[strings.ToLower(col.Name)] == 0 {
				continue
			}
			c := found[col.Name]
			if c == nil {
				c = &candidate{name: col.Name, types: map[policy.ColumnType]int{}}
				found[col.Name] = c
			}
			c.tables++
			c.types[typ]++
			if col.NotNull {
				c.notNull++
			}
			if refersToTenants(s, r, col.Name) != nil {
				c.refers++
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if c := found[name]; c.score(all) >= leastScore && (best == nil || c.score(all) > best.score(all)) {
			best = c
		}
	}
	return best, all
}

// holdsRows reports whether a relation is a table of its own.
func holdsRows(r *catalog.Relation) bool {
	return (r.Kind == catalog.Table || r.Kind == catalog.PartitionedTable) && !r.IsPartition && r.Extension == ""
}

// refersToTenants returns the table of tenants that a column refers to by a foreign key of its own, or nil.
func refersToTenants(s *catalog.Snapshot, r *catalog.Relation, column string) *catalog.Relation {
	for _, key := range r.ForeignKeys {
		target := s.ByOID[key.Target]
		if target != nil && len(key.Columns) == 1 && key.Columns[0] == column && slices.Contains(tenantTables, strings.ToLower(target.Name)) {
			return target
		}
	}
	return nil
}
