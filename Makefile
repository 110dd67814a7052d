# What a person does with gridpatrol. "make" alone lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where the demo listens, the seed of its simulated city, and whether it moves.
PORT ?= 8080
SEED ?= 1
SIM  ?= 1

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: prereqs
prereqs:
	@scripts/check-prereqs

.PHONY: demo
demo: prereqs ## Run the demo district, with what it needs installed (PORT=8080 SEED=1 SIM=1)
	@scripts/setup
	@$(MAKE) build
	@exec bin/gridpatrol demo --port=$(PORT) --seed=$(SEED) --sim=$(SIM)

.PHONY: story
story: prereqs ## Play one night in 90 seconds: a vat at 20:00, police and environment on scene together before 20:30 (PORT=8080 WAIT=45s STAY=)
	@scripts/setup
	@$(MAKE) build
	@exec bin/gridpatrol demo --story --port=$(PORT) --story-wait=$(or $(WAIT),45s) $(if $(STAY),--story-stay)

.PHONY: build
build: prereqs web/dist/index.html ## Build bin/gridpatrol, with the page inside, and bin/gridsim
	@CGO_ENABLED=1 go build -v -o bin/ ./cmd/gridpatrol ./cmd/gridsim

# npm writes this file at the end of each install.
web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci

web/dist/index.html: web/node_modules/.package-lock.json web/package.json $(wildcard web/*.html web/*.ts) \
		$(shell find web/src web/public)
	cd web && npm run build
	@touch $@

.PHONY: test
test: prereqs ## Run every test, against a PostGIS of its own and in a browser
	@scripts/setup --tests
	@$(MAKE) build
	@scripts/test

.PHONY: lint
lint: prereqs web/node_modules/.package-lock.json ## Check format, types, generated code and the rules of the house
	@scripts/lint

.PHONY: generate
generate: web/node_modules/.package-lock.json ## Make the generated code again from the API description
	@go generate ./api
	@go run ./cmd/drawflow > docs/state-machine.md
	@go run ./cmd/drawwords > web/src/i18n/events.gen.ts.new && mv web/src/i18n/events.gen.ts.new web/src/i18n/events.gen.ts
	@cd web && npm run --silent generate

.PHONY: check-fresh
check-fresh: ## Prove demo and test on a bare Debian in a chroot (root, debootstrap; not in CI)
	@scripts/check-fresh

.PHONY: check-image
check-image: ## Run the steps of Dockerfile and compose.yaml in chroots, since no engine is asked for (root, debootstrap; not in CI)
	@scripts/check-image

.PHONY: test-crash
test-crash: prereqs ## Kill the program and the database under load, ten rounds, and look for what is missing
	@scripts/setup
	@GRIDPATROL_CRASH_ROUNDS=10 go test -count=1 -v -timeout=20m -run 'TestKilledUnderLoad' ./cmd/gridpatrol

.PHONY: chaos
chaos: prereqs ## Kill the program, the database and both, fill their disks, kill one of three nodes and cut a bus: one table (root for disks and nodes)
	@scripts/setup
	@GRIDPATROL_CRASH_ROUNDS=$(or $(ROUNDS),20) GRIDPATROL_CRASH_FIXES=5500 GRIDPATROL_CRASH_REPORTS=55 GRIDPATROL_CHAOS_OUT=$(CURDIR)/var/bench/chaos.json \
		go test -count=1 -v -timeout=120m -run 'TestKilledUnderLoad|TestAFullDisk|TestThreeNodesOneKilledAndTheBusCut|TestAStormOfTenThousand' ./cmd/gridpatrol

.PHONY: chaos-nodes
chaos-nodes: prereqs ## The part of chaos with three nodes in network namespaces, and 10,000 devices at once (root, ip; not in CI)
	@scripts/setup
	@GRIDPATROL_CHAOS_OUT=$(CURDIR)/var/bench/chaos-nodes.json \
		go test -count=1 -timeout=20m -run 'TestThreeNodesOneKilledAndTheBusCut|TestAStormOfTenThousand' -v ./cmd/gridpatrol

.PHONY: test-clocks
test-clocks: prereqs ## Play 31 days of 10,000 cases with their clocks, by hand and with two nodes at their real pace, walk the state machine for 3,000 moves, try 50,000 claims
	@scripts/setup --tests
	@GRIDPATROL_CLOCK_CASES=10000 go test -count=1 -v -timeout=60m -run TestAMonthOfClocks ./dispatch/pgstore
	@GRIDPATROL_CLOCK_CASES=10000 go test -count=1 -v -timeout=90m -run TestTwoNodesThroughAMonth ./dispatch/pgstore
	@GRIDPATROL_WALK_MOVES=3000 GRIDPATROL_CLAIM_TRIES=50000 go test -count=1 -v -timeout=60m \
		-run 'TestTheWalk|TestSixteenDispatchers|TestClaimsUnderEverything' ./dispatch/pgstore -rapid.checks=1000

.PHONY: bench-dispatch
bench-dispatch: build ## Measure report to committed assignment: 622 workers and 200 patrols on duty and moving, 5 reports a second
	@go run ./cmd/gridbench dispatch

.PHONY: bench-deadline
bench-deadline: build ## Measure crowds of clocks that are due at one moment, on two nodes: when the last of each has climbed
	@go run ./cmd/gridbench deadline

.PHONY: bench-road
bench-road: ## Measure the road engine on Porto and the demo district; answers are compared with Dijkstra (needs osm/porto.osm.pbf)
	@go run ./cmd/gridbench road

.PHONY: verify-roads
verify-roads: ## Compare 10,000 pairs a mode with Dijkstra on every extract: as built, closed, reopened, weighted anew
	@go test -tags pairs -count=1 -timeout=60m -v -run TestTenThousandPairs ./geo/road

.PHONY: bench-beacon
bench-beacon: build ## Measure 2,000 devices: acknowledged after commit, seen by a viewer
	@go run ./cmd/gridbench beacon

.PHONY: bench-track
bench-track: build ## Measure how long a day's track of one patrol takes to read, and nothing else of bench-beacon
	@go run ./cmd/gridbench beacon --only-track

.PHONY: soak
soak: build ## Keep 5,000 fixes a second on for 20 min (SOAK=2h, SOAK=3m): do memory, descriptors and goroutines grow? (FAIL=1 ends with an error if so)
	@go run ./cmd/gridbench soak --for=$(or $(SOAK),20m) $(if $(FAIL),--fail)

.PHONY: bench-verdicts
bench-verdicts: ## Put each fault into tracks of real people: how much the judge names, and how much that is none (needs geolife)
	@GRIDPATROL_ALL_TRACKS=1 go test -count=1 -v -run 'TestVerdictsOnRealTracks' ./realtime

.PHONY: bench-live
bench-live: ## Measure live out: 20,000 patrols that move, 200 viewers of a town each, and the index in memory
	@go run ./cmd/gridbench live

.PHONY: bench-matching
bench-matching: ## Measure 500 reports matched with 500 patrols: the sum of all arrivals least, and the last arrival soonest
	@go run ./cmd/gridbench matching

.PHONY: bench-verify
bench-verify: ## Measure how long a chain of 1 M events takes to verify
	@go run ./cmd/gridbench verify

.PHONY: bench-photo
bench-photo: build ## Measure dispatch with and without 1,000 photos of 3 MB in 5 minutes beside it
	@go run ./cmd/gridbench photo
