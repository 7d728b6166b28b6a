# Every recipe is one script or one tool; `make help` lists them.
VENV ?= .venv
export VENV
scripts := db/backup db/cluster db/migrate db/restore db/docker/migrate service/down service/environment service/secret service/up tests/prepare .ci/run

.PHONY: help up down psql backup restore reset test bench bench-growth lint types venv

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

up: ## install what is missing, deploy, and serve on 127.0.0.1:$PORT (8000) until Ctrl-C
	@exec service/up

down: ## stop what make up started
	@service/down

psql: ## psql as dba, a person in the group parking_dba
	@db/cluster status >/dev/null || { echo "make psql: the database is not running; make up starts it" >&2; exit 1; }
	@db/cluster psql -U dba -v SHOW_CONTEXT=never parking

backup: ## write the database into a file in .data/backups, while it works
	@db/cluster with db/backup parking

restore: ## bring back what FILE=.data/backups/….dump holds; what is there now is kept under another name
	@db/cluster with db/restore "$(FILE)" parking
	@# pg_cron's launcher lives in the database and does not follow it.
	@if db/cluster status >/dev/null; then db/cluster stop && db/cluster start; fi

reset: down ## remove this clone's data: clusters, secret, everything
	@db/cluster reset --all
	@rm -rf .data

test: ## lint, types and the whole suite, with its own set-up
	@tests/prepare
	@$(MAKE) --no-print-directory lint types
	"$(VENV)/bin/python" -m pytest

bench: ## what things cost, as ratios, against their bars (ten minutes); the README gets its summary
	@tests/prepare
	@"$(VENV)/bin/python" -m tests.bench

bench-growth: ## the same questions with 10 thousand, 1 million and 10 million reservations (an hour or two, 25 GB; resumable)
	@tests/prepare
	@"$(VENV)/bin/python" -m tests.bench.growth

lint: venv ## ruff and shellcheck
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/shellcheck" $(scripts)

types: venv ## mypy, strict
	"$(VENV)/bin/mypy"

venv: ## the Python environment of the tests
	@service/environment "$(VENV)" --dev
