# Every command needs Python 3.11, 3.12 or 3.13 and make, and fetches the rest.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
CODE := app devnet tests bench migrations
# tests/conftest.py has the order of the files.
TESTS := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run install eventbridge otel test bench check quick lint format docs lock image clean soak soak-away soak-events soak-faults soak-fuzz

run: install
	@$(BIN)/python -m app demo

install: $(VENV)/run

# What [eventbridge.NAME] in the configuration needs beside the rest.
eventbridge: install
	@$(PIP) install --quiet --require-hashes -r requirements-eventbridge.lock

# What KENNEL_OTEL_URL needs beside the rest.
otel: install
	@$(PIP) install --quiet --require-hashes -r requirements-otel.lock

test: $(VENV)/dev
	$(TESTS)

bench: $(VENV)/dev
	$(BIN)/python -m bench $(PART)

# make soak SECONDS=600: money walks at random for so long, on the chain and then in the ledger; a failure prints the
# shortest way to it. SEED=n walks as then.
soak: $(VENV)/dev
	SOAK_SECONDS=$(or $(SECONDS),600) SOAK_SEED=$(SEED) $(BIN)/python -m pytest -s tests/walk tests/ledger_walk

# make soak-events SECONDS=600: events are told for so long while the program, the broker and the receiver die. SEED=n dies as then.
soak-events: $(VENV)/dev
	SOAK_SECONDS=$(or $(SECONDS),600) SOAK_SEED=$(SEED) $(BIN)/python -m pytest -s tests/faults/test_telling_kills.py

# make soak-faults SECONDS=120 CELLS=4: an installation of many processes, here with four cells, is killed, frozen, cut off and
# failed over for so long under load.
soak-faults: $(VENV)/dev
	SOAK_SECONDS=$(or $(SECONDS),120) SOAK_SEED=$(SEED) SOAK_CELLS=$(CELLS) $(BIN)/python -m pytest -s tests/faults/all_at_once/test_all_at_once.py

# make soak-away SECONDS=180: database, node and broker are away for so long, each alone and then all of them.
soak-away: $(VENV)/dev
	KENNEL_AWAY_SECONDS=$(or $(SECONDS),180) $(BIN)/python -m pytest -s tests/faults/all_at_once/test_away_for_long.py

# make soak-fuzz COUNT=1000000: so many inputs that nobody means well with. SEED=n tries those of then.
soak-fuzz: $(VENV)/dev
	SOAK_COUNT=$(or $(COUNT),1000000) SOAK_SEED=$(SEED) $(BIN)/python -m pytest -s tests/fuzz

check: lint
	$(TESTS)

quick: lint
	$(TESTS) tests/unit tests/test_house_rules.py

lint: $(VENV)/dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

# What is made from the code: the catalog of events, and the settings.
docs: $(VENV)/run
	$(BIN)/python -m app.cli.event_catalog > docs/events.md
	$(BIN)/python -m app.cli.settings_catalog > docs/settings.md
	$(BIN)/python -m app.cli.settings_catalog env > .env.example

# The lock files hold hashes and name no index and no host.
lock: $(VENV)/dev
	$(PIP) install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra eventbridge --extra otel --group dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra eventbridge pyproject.toml -o requirements-eventbridge.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra otel pyproject.toml -o requirements-otel.lock

image:
	docker build -t kennel .

# Half an environment would be taken for a whole one, so what fails is removed.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Kennel needs Python 3.11, 3.12 or 3.13 on the PATH, with its venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/run: requirements.lock | $(BIN)/python
	@echo "Setting up Kennel in $(VENV) (once, about a minute) ..."
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev: requirements-dev.lock | $(BIN)/python
	@echo "Setting up Kennel for development in $(VENV) (once, about a minute) ..."
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/run

# Not .kennel: it holds the seed and the database.
clean:
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
