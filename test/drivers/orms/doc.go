// Package orms holds what object-relational mappers ask of a database, against pgcordon and against a database that holds one tenant's rows
// alone. A tap between program and server writes down each statement with its answer, and the two records must be the same.
//
// TestRecorded sends what was recorded (testdata/recorded) to both worlds, so that it holds on machines without those programs.
// With the build tag orms, TestPrograms runs the programs themselves: `make test-orms`, which installs what they need through
// their package managers and says what it skips. With -args -record it writes the records anew.
package orms
