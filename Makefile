# Footprint on one machine. Needs Python 3.11 or newer and make; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := shared infra gcp_functions function_app.py tests
OUTSIDE := tests/browser tests/web/test_conforming.py
KILLS := tests/hosts/test_kills.py
LIVES ?= 50
SOAK ?= --lives 500 --steps 40 --seed 1
SCALE ?= --users 100000 --groups 40000 --kills 20
LOCK := $(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --no-header --generate-hashes

.DEFAULT_GOAL := help

# Where the environment says that no bytecode is kept, every process that a test starts would compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.venv/ready: requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.venv/browser: .venv/ready tests/browser/requirements.txt
	$(BIN)/uv pip install -q --python $(BIN)/python -r tests/browser/requirements.txt -c requirements-dev.txt
	touch $@

.PHONY: run demo test test-wide measure test-postgresql test-outside pictures check bench kills mutants soak scale sdk runtime parts package-azure package-gcp infra-tools requirements format help

run: .venv/ready  ## a whole cloud on this machine: simulated tenants, console, queue, clock
	$(BIN)/python -m infra.local run

demo: .venv/ready  ## the whole life of a connection on each platform without a person, under a minute
	$(BIN)/python -m infra.local demo

INSIDE := -n 2 --dist worksteal --database sqlite $(OUTSIDE:%=--ignore=%) --ignore=$(KILLS)

test: .venv/ready  ## every test but those that take long, of which some run once; on both cores, databases are SQLite
	$(BIN)/pytest $(INSIDE) --cases first

test-wide: .venv/ready  ## what takes long: whole lives, one for each thing that can go wrong; the list in tests/harness/dear_tests.txt; SHARE=4:1 a quarter of it
	$(BIN)/pytest $(INSIDE) --cases rest $(if $(SHARE),--share $(SHARE))

measure: .venv/ready  ## what each test takes of a core: writes that list
	$(BIN)/pytest $(INSIDE) --measure

test-postgresql: .venv/ready  ## what asks the database once more, on PostgreSQL: the list in tests/harness/selection.py; SHARE=2:0 a half of it
	$(BIN)/pytest -n 2 --dist worksteal --database postgresql $(if $(SHARE),--share $(SHARE))

test-outside: .venv/browser  ## from outside: the console clicked through in Chromium, the API asked all that its document allows
	$(BIN)/pytest -n 2 --dist worksteal $(OUTSIDE)

pictures: .venv/browser  ## a picture of each of the console's pages, in .local/pictures
	$(BIN)/pytest -n 2 --dist worksteal tests/browser --screenshots .local/pictures

check: .venv/ready  ## style, types, layers, published weaknesses of what is installed
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/documents/test_import_graph.py
	$(BIN)/python -m infra.audit

bench: .venv/ready .venv-peers/ready  ## what things cost, as ratios against the obvious way, in one table and docs/performance.json; SHORT=1 takes under three minutes
	$(BIN)/python -m infra.local.bench $(if $(SHORT),--short)

.venv-peers/ready: infra/local/bench/peers/requirements.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

mutants: .venv/ready  ## small wrong changes to the modules that decide: which no test notices; WORDS= some modules, SAMPLE= so many, SEED= which
	test -e .local/mutants/map || $(BIN)/python -m tests.mutants record
	$(BIN)/python -m tests.mutants run $(WORDS) $(if $(SAMPLE),--sample $(SAMPLE)) --seed "$(SEED)"

sdk: .venv-sdk/ready  ## Microsoft's own client in an environment of its own, for the test that asks it

.venv-sdk/ready: tests/sdk/requirements.txt
	$(PYTHON) -m venv .venv-sdk
	.venv-sdk/bin/pip install --quiet --disable-pip-version-check -r tests/sdk/requirements.txt
	touch $@

parts: .parts/node/ready .parts/tasks/ready .parts/schemathesis/ready .parts/clients/ready  ## programs of others that tests speak to: storage, task queues, sign-in, accessibility, the API's judge, a maker of clients

.parts/node/ready: tests/programs/package.json
	mkdir -p $(@D)
	cp $< $(@D)
	npm install --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	touch $@

.parts/tasks/ready .parts/schemathesis/ready .parts/clients/ready: .parts/%/ready: tests/programs/requirements-%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

kills: .venv/ready  ## LIVES (fifty) lives on each cloud's host while it is killed again and again; takes some minutes
	LIVES=$(LIVES) $(BIN)/pytest -n 2 $(KILLS)

soak: .venv/ready  ## random lives with a judge in the simulators; SOAK says how many; takes an hour or more
	$(BIN)/python -m tests.lives $(SOAK)

scale: .venv/ready  ## a large tenant read while the process is killed again and again, on both databases; SCALE says how large; takes an hour
	$(BIN)/python -m tests.scale $(SCALE)

runtime:  ## Microsoft's own Functions runtime, for the tests that run the app in it, for each Python that is here
	@for version in 3.11 3.13; do \
	  if $(call python,$$version) -c '' 2>/dev/null; then $(MAKE) .parts/azure-$$version/ready || exit; \
	  else echo "no Python $$version here: not installed for it"; fi; \
	done

# A Python of a version: on the path, or kept beside others.
python = $$(python$(1) -c 'import sys; print(sys.executable)' 2>/dev/null || ls ~/.pyenv/versions/$(1).*/bin/python 2>/dev/null | tail -1)

.parts/azure-%/ready: requirements.txt tests/hosts/requirements.txt
	$(call python,$*) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python -r tests/hosts/requirements.txt
	touch $@

package-azure: .venv/ready  ## dist/footprint-azure.zip, to deploy on Azure Functions, and its bill of materials
	$(BIN)/python -m infra.package azure

package-gcp: .venv/ready  ## dist/footprint-gcp.zip, to deploy on Google Cloud Functions, and its bill of materials
	$(BIN)/python -m infra.package gcp

infra-tools: .parts/infra/ready  ## Terraform's own parser and checkers of policies and workflows, for the tests of infra/

.parts/infra/ready: tests/infra/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

requirements: .venv/ready  ## lock what each cloud installs, and this machine, for every Python at once
	$(LOCK) --extra azure --extra gcp --extra cli --extra dev -o requirements-dev.txt
	$(LOCK) --extra azure -c requirements-dev.txt -o requirements.txt
	$(LOCK) --extra gcp -c requirements-dev.txt -o requirements-gcp.txt

format: .venv/ready  ## format the code, and print what the documents show of it
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/python -m infra.local.printed_tables
	$(BIN)/python -m tests.hazards

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
