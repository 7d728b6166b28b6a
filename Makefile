# Every recipe is one script or one tool; `make help` lists them.
VENV ?= .venv
export VENV
scripts := db/cluster db/migrate db/docker/migrate service/down service/environment service/secret service/up tests/prepare .ci/run

.PHONY: help up down psql reset test bench lint types venv

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

up: ## install what is missing, deploy, and serve on 127.0.0.1:$PORT (8000) until Ctrl-C
	@exec service/up

down: ## stop what make up started
	@service/down

psql: ## psql as dba, a person in the group parking_dba
	@db/cluster status >/dev/null || { echo "make psql: the database is not running; make up starts it" >&2; exit 1; }
	@db/cluster psql -U dba -v SHOW_CONTEXT=never parking

reset: down ## remove this clone's data: clusters, secret, everything
	@db/cluster reset --all
	@rm -rf .data

test: ## lint, types and the whole suite, with its own set-up
	@tests/prepare
	@$(MAKE) --no-print-directory lint types
	"$(VENV)/bin/python" -m pytest

bench: ## what live updates and HTTP cost, as ratios, and how late news are (under ten minutes)
	@tests/prepare
	@"$(VENV)/bin/python" -m tests.bench

lint: venv ## ruff and shellcheck
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/shellcheck" $(scripts)

types: venv ## mypy, strict
	"$(VENV)/bin/mypy"

venv: ## the Python environment of the tests
	@service/environment "$(VENV)" --dev
