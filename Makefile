# Two commands do all the set-up: `make demo` runs the main job, `make test` runs the tests.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON_ENV := .build-python
export SWIFT_BACKTRACE := enable=no

.PHONY: help demo test fault soak counts sanitize build bench bench-import setup lint format clean

help:
	@echo 'make demo      builds, starts a server with a demo app, pushes to three devices (stops with Ctrl-C)'
	@echo 'make test      runs all tests, unit to end-to-end'
	@echo 'make fault     kills, starves and fills a server under load, and balances the books (FAULT="--seconds 60")'
	@echo 'make soak      twenty minutes of mixed load, with memory and descriptors flat (SOAK="--minutes 5")'
	@echo 'make counts    counts what the hot paths allocate, in both builds (WRITE=1: writes the table that gates)'
	@echo 'make sanitize  runs the Swift tests under the thread and the address sanitizer, for an hour (ONLY=thread)'
	@echo 'make lint      checks formatting and the conformance files;  make format  formats'
	@echo 'make build     builds for production: .build/release/apus;  make bench  measures it (QUICK=1: in three minutes)'

demo: setup
	swift build --product apus
	scripts/demo "$$(swift build --show-bin-path)/apus"

test: setup
	swift build --build-tests
	swift test --skip-build
	$(MAKE) --no-print-directory $(PYTHON_ENV)/bin/pytest
	APUS_BINARY="$$(swift build --show-bin-path)/apus" $(PYTHON_ENV)/bin/pytest -q Tests/EndToEnd
	APUS_BINARY="$$(swift build --show-bin-path)/apus" $(PYTHON_ENV)/bin/pytest -q Tests/Fault
	APUS_BINARY="$$(swift build --show-bin-path)/apus" $(PYTHON_ENV)/bin/pytest -q Tests/Counts

fault: setup $(PYTHON_ENV)/bin/pytest
	swift build --product apus
	APUS_BINARY="$$(swift build --show-bin-path)/apus" $(PYTHON_ENV)/bin/python Tests/Fault/fault.py $(FAULT)

soak: setup $(PYTHON_ENV)/bin/pytest
	swift build --product apus
	APUS_BINARY="$$(swift build --show-bin-path)/apus" $(PYTHON_ENV)/bin/python Tests/Fault/soak.py $(SOAK)

sanitize: setup
	for kind in $(or $(ONLY),thread address); do scripts/sanitize $$kind || exit 1; done

counts: setup $(PYTHON_ENV)/bin/pytest
	swift build --product apus
	swift build -c release --product apus
	for build in debug release; do \
		APUS_BINARY="$$(swift build -c $$build --show-bin-path)/apus" APUS_WRITE_COUNTS=$(WRITE) \
			$(PYTHON_ENV)/bin/pytest -q -s Tests/Counts || exit 1; \
	done

$(PYTHON_ENV)/bin/pytest: Tests/EndToEnd/requirements.txt
	@test -x $@ || python3 -m venv $(PYTHON_ENV)
	$(PYTHON_ENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

build: setup
	swift build -c release --product apus

bench-import: build
	Benchmarks/import "$$(swift build -c release --show-bin-path)/apus"

bench: build
	@mkdir -p .build/bench
	cc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -o .build/bench/load Benchmarks/Load/*.c -lm
	python3 Benchmarks/bench.py --apus .build/release/apus --load .build/bench/load \
		--results .build/bench/results.json $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) \
		$(addprefix --devices ,$(DEVICES))

setup:
	@scripts/setup

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift
	python3 Conformance/validate.py

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build $(PYTHON_ENV)
