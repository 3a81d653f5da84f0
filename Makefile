# The two that matter: `make run` starts the whole product, `make test` runs every test.
# Both need Python 3.11-3.13 and make, and set up the rest themselves.

SHELL := /bin/sh
.DEFAULT_GOAL := help
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c "$(FITS)" 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(UPGRADE)
TEST_ENV := DJANGO_SETTINGS_MODULE=controlplane.settings.test
PROD_ENV := DJANGO_SETTINGS_MODULE=controlplane.settings.prod \
	QUARTERDECK_SECRET_KEY=check-only-4f1c9a7e2b8d6053-9e1f7a3c5d2b4860-c1d2e3f4a5b6c7d8 \
	PUBLIC_URL=https://quarterdeck.example LIVE_URL=wss://quarterdeck.example \
	DATABASE_URL=postgresql://quarterdeck_app@127.0.0.1:1/quarterdeck \
	DATABASE_READ_URL=postgresql://quarterdeck_read@127.0.0.1:1/quarterdeck REDIS_URL=redis://127.0.0.1:1/0

.PHONY: help run stop test check bench simulate prove mutate seed assets lock clean

help: ## Explain the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: export DJANGO_SETTINGS_MODULE ?= controlplane.settings.dev
run: $(BIN)/.run-installed static/vendor/.stamp ## Start the whole product here; Ctrl-C ends it (PORT=8000)
	@exec $(BIN)/python -m controlplane.supervisor run

stop: ## Stop a product that runs in another terminal
	@if [ -x $(BIN)/python ]; then exec $(BIN)/python -m controlplane.supervisor stop; fi

test: $(BIN)/.dev-installed static/vendor/.stamp ## Run every test, browser tests included (ARGS=... for pytest)
	$(BIN)/python scripts/browser.py
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: $(BIN)/.dev-installed static/vendor/.stamp ## Lint, types, layers, migrations, deployment settings, API schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy apps controlplane sdk scripts
	$(BIN)/lint-imports
	$(TEST_ENV) $(BIN)/python manage.py makemigrations --check --dry-run
	$(PROD_ENV) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(TEST_ENV) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

bench: $(BIN)/.dev-installed static/vendor/.stamp ## Measure against the references (ONLY=gateway for one)
	$(BIN)/python -m benchmarks $(ONLY)

simulate: export CRASH_ROUNDS ?= 15
simulate: export CRASH_SENDERS ?= 4
simulate: export CRASH_ORDERS ?= 50
simulate: export CRASH_SPEED ?= 14400
simulate: $(BIN)/.dev-installed static/vendor/.stamp ## Seeded faults: SEEDS=10000 STEPS=200; CRASH=1 kills real processes
ifdef CRASH
	$(BIN)/python -m pytest tests/e2e/test_crash.py -s
else
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) --steps $(or $(STEPS),200) --jobs 2
endif

prove: $(BIN)/.dev-installed ## The proofs of docs/reliability.md at full size, N and seed as JSON lines (ONLY=oracle SEED=7)
	$(BIN)/python -m tests.prove $(ONLY) $(if $(SEED),--seed $(SEED))

mutate: $(BIN)/.dev-installed ## Remove named safeguards one by one: a test must notice (ARGS=name for one)
	$(BIN)/python -m tests.mutation $(ARGS)

seed: ## Seed the demo into the running product
	@exec $(BIN)/python -m controlplane.supervisor manage seed_demo

assets: static/vendor/.stamp ## Fetch the browser assets into static/vendor/

lock: $(BIN)/.dev-installed ## Lock the requirements again after a change (UPGRADE=--upgrade for newer versions)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -c requirements.txt -o requirements-dev.txt
	$(COMPILE) requirements-embedded.in -c requirements-dev.txt -o requirements-embedded.txt
	$(COMPILE) requirements-node.in -o requirements-node.txt
	npm install --package-lock-only --ignore-scripts --loglevel=error

clean: ## Remove what was installed and built; keeps the data in var/
	rm -rf $(VENV) node_modules static/vendor staticfiles .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Quarterdeck needs Python 3.11, 3.12 or 3.13 with venv (Debian: apt-get install python3-venv)."; \
		echo "Name one with: make PYTHON=/path/to/python3.12 ..."; exit 1; fi
	@echo "setup: making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(BIN)/.run-installed: requirements.txt requirements-embedded.txt | $(BIN)/python
	@$(BIN)/python scripts/install.py requirements.txt requirements-embedded.txt
	@touch $@

$(BIN)/.dev-installed: requirements-dev.txt $(BIN)/.run-installed | $(BIN)/python
	@$(BIN)/python scripts/install.py requirements-dev.txt
	@touch $@

static/vendor/.stamp: package-lock.json scripts/assets.py | $(BIN)/python
	@$(BIN)/python scripts/assets.py
	@touch $@
