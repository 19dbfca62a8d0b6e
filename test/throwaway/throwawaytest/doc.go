// Package throwawaytest gives tests the throwaway Postgres of package throwaway.
//
//	pg := throwawaytest.ForTest(t)
//	db := throwawaytest.Database(t, pg, "CREATE TABLE ...") // a database of the test's own, dropped at its end
package throwawaytest
