# Footprint on one machine. Needs Python 3.11 or newer and make; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := shared infra gcp_functions function_app.py tests

.DEFAULT_GOAL := help

.venv/ready: requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.PHONY: run demo test check bench sdk requirements format help

run: .venv/ready  ## a whole cloud on this machine: simulated tenants, console, queue, clock
	$(BIN)/python -m infra.local run

demo: .venv/ready  ## the whole life of a connection on each platform without a person, under a minute
	$(BIN)/python -m infra.local demo

test: .venv/ready  ## every test, on both cores
	$(BIN)/pytest -n 2 --dist worksteal

check: .venv/ready  ## style, types, layers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready  ## what things cost, as ratios against the obvious way
	$(BIN)/python -m infra.local.bench

sdk: .venv-sdk/ready  ## Microsoft's and Google's own clients in an environment of their own, for the tests that ask them

.venv-sdk/ready: tests/sdk/requirements.txt
	$(PYTHON) -m venv .venv-sdk
	.venv-sdk/bin/pip install --quiet --disable-pip-version-check -r tests/sdk/requirements.txt
	touch $@

requirements: .venv/ready  ## lock requirements from pyproject.toml, for every Python at once
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --no-header -o requirements.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 --no-header -o requirements-dev.txt

format: .venv/ready  ## put the code in shape, and print the README's table anew
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/python -m infra.local.readme

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
