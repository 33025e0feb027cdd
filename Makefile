# The commands of everyday work, all in the release configuration, so that the dependencies are built once. The rooms' tests
# look inside the rooms (SLUICE_TESTABLE), which costs the optimiser something: the program's own modules are built without.
SLUICE := .build/release/sluice
PYTHON := .deps/venv/bin/python
SWIFT_CODE := $(wildcard Sources/*) Tests Package.swift
CHECKED := --explicit-target-dependency-import-check error

.DEFAULT_GOAL := help
.PHONY: help demo build build-testing test unit acceptance bench soak lint format clean bootstrap

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## What a build and the tests need: system packages, DuckDB, Python readers and SDKs
	@scripts/bootstrap

build: ## The program, at .build/release/sluice
	@scripts/bootstrap build
	swift build -c release --product sluice $(CHECKED)

demo: build ## Import two real event logs, export them, look a person up
	@scripts/demo

test: unit acceptance ## All tests

# Without a bound all of them run at once, hold each other up, and what waits for something gives up.
AT_ONCE = SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=12

unit: ## The tests of the rooms
	@scripts/bootstrap build
	SLUICE_TESTABLE=1 swift build -c release --build-tests $(CHECKED)
	cp .build/release/sluice .build/sluice-testing
	SLUICE_TESTABLE=1 $(AT_ONCE) swift test -c release --skip-build

build-testing: ## The program with a clock that tests set ahead, at .build-testing/release/sluice
	@scripts/bootstrap build
	SLUICE_TESTABLE=1 swift build -c release --product sluice --scratch-path .build-testing $(CHECKED)

# Most tests wait for something most of the time: two run beside each other, each with servers and services of its own.
BESIDE = -n 2 --dist worksteal

acceptance: build ## Real SDKs, other tools, crashes: against the running program
	@scripts/bootstrap
	$(PYTHON) -m pytest acceptance -q $(BESIDE)

bench: build ## Measure speed as ratios to this machine's own; see bench/README.md
	@scripts/bootstrap
	swift build -c release --product bare-sender
	$(PYTHON) bench/run.py

soak: build ## 200 crashes, ten million hostile inputs, the whole API against its document
	@scripts/bootstrap
	SLUICE_TESTABLE=1 swift build -c release --build-tests $(CHECKED)
	SLUICE_FUZZ_INPUTS=$${SLUICE_FUZZ_INPUTS:-1700000} SLUICE_TESTABLE=1 swift test -c release --skip-build
	SLUICE_CRASH_SEEDS=$${SLUICE_CRASH_SEEDS:-200} SLUICE_FUZZ_INPUTS=$${SLUICE_FUZZ_INPUTS:-1700000} \
		$(PYTHON) -m pytest acceptance/test_crash.py acceptance/test_bad_input.py -q
	SLUICE_CONTRACT_EXAMPLES=$${SLUICE_CONTRACT_EXAMPLES:-200} $(PYTHON) -m pytest acceptance/test_contract.py -q
	SLUICE_PIPELINE_ROWS=$${SLUICE_PIPELINE_ROWS:-1000000} SLUICE_PIPELINE_SEEDS=$${SLUICE_PIPELINE_SEEDS:-20} \
		$(PYTHON) -m pytest acceptance/test_destinations.py -q
	SLUICE_WEBHOOK_SEEDS=$${SLUICE_WEBHOOK_SEEDS:-100} $(PYTHON) -m pytest acceptance/test_webhooks.py acceptance/test_trigger_waits.py \
		acceptance/test_streams.py -q -k crash
	SLUICE_PIPELINE_SEEDS=$${SLUICE_PIPELINE_SEEDS:-200} $(PYTHON) -m pytest acceptance/test_pipelines.py -q -k whatever_is_killed
	SLUICE_DBT_ROUNDS=$${SLUICE_DBT_ROUNDS:-10} $(PYTHON) -m pytest acceptance/test_dbt.py -q

lint: ## Format and layout of the code
	swift format lint --strict -r $(SWIFT_CODE)

format: ## Lay the code out
	swift format -i -r $(SWIFT_CODE)

clean: ## Remove what was built
	swift package clean
