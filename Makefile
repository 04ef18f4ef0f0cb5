# Every command needs Python 3.11 or later and make, and fetches the rest.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
CODE := app tests bench migrations

.PHONY: run test bench check quick lint format lock image clean
run: $(VENV)/run
	@$(BIN)/python -m app demo

test: $(VENV)/dev
	$(BIN)/python -m pytest

bench: $(VENV)/dev
	$(BIN)/python -m bench

check: lint
	$(BIN)/python -m pytest

quick: lint
	$(BIN)/python -m pytest tests/unit tests/test_house_rules.py

lint: $(VENV)/dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

# The lock files hold hashes and name no index and no host.
lock:
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--group dev pyproject.toml -o requirements-dev.lock

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Kennel needs Python 3.11, 3.12 or 3.13 on the PATH." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run: requirements.lock | $(BIN)/python
	@echo "Setting up Kennel (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev: requirements-dev.lock | $(BIN)/python
	@echo "Setting up Kennel for development (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/run

clean:
	rm -rf $(VENV) .kennel
