// Package orms holds what object-relational mappers ask of a database, against pgcordon and against a database that holds one tenant's rows
// alone. A tap between program and server writes down each statement with its answer, and the two records must be the same. So it is for the
// migrations that some of them run, under a role that may change the schema, in two empty databases; and what they made must be the same.
//
// TestRecorded and TestRecordedMigrations send what was recorded (testdata/recorded, testdata/migrations) to both worlds, so that it holds on machines
// without those programs. With the build tag orms, TestPrograms and TestMigrations run the programs themselves: `make test-orms`, which installs what
// they need through their package managers and says what it skips. With -args -record it writes the records anew.
package orms
