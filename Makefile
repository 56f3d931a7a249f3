# Everything here runs from a clean clone with python3 (3.11 or newer), pip and make. `make PYTHON=python3.12 test` takes
# another Python.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= logical
ROUNDS ?= 10
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --maxprocesses 8 --dist worksteal
PIP := $(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python

.PHONY: run test check e2e lint format bench soak screenshots browser node reset lock
.DEFAULT_GOAL := test

run: .venv/.runtime
	@exec $(BIN)/billing demo

test: .venv/.test
	$(PYTEST) $(TESTS)

lint: .venv/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(PYTEST) -m "slow and not e2e" --timeout 1200 $(TESTS)
	$(BIN)/python -m tests.bench --quick

format: .venv/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/.test
	$(BIN)/python -m tests.bench $(ARGS)

soak: .venv/.test
	@for round in $$(seq $(ROUNDS)); do echo "round $$round of $(ROUNDS)"; \
		LIVES=4 $(PYTEST) -m "slow and not e2e" --timeout 1200 tests/simulation tests/concurrency || exit 1; done
	ARRIVALS=2000 $(PYTEST) -m "slow and not e2e" --timeout 1200 tests/arrival

# What a person and other people's programs see: one after the other, since they share one demo.
e2e: .venv/.e2e browser node
	$(BIN)/python -m pytest -q -m e2e --timeout 300 $(wildcard tests/browser tests/outside)

screenshots: .venv/.e2e browser
	$(BIN)/python -m tests.browser.screenshots

browser:
	@command -v chromium || command -v chromium-browser || command -v google-chrome || { \
		echo "no Chromium is here: install it (Debian: apt install chromium)" >&2; exit 1; }

node:
	@command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || { \
		echo "no Node 18 or newer with npm is here: install it (Debian: apt install nodejs npm)" >&2; exit 1; }

reset:
	rm -rf var

# Locks for every platform, without a word of where the packages come from.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--custom-compile-command "make lock" $(ARGS)

lock: .venv/.test
	$(COMPILE) pyproject.toml --group build -o requirements.lock
	$(COMPILE) pyproject.toml --group build --group test -c requirements.lock -o requirements-test.lock
	$(COMPILE) pyproject.toml --group build --group test --group e2e -c requirements-test.lock -o requirements-e2e.lock
	$(COMPILE) --group uv -o requirements-uv.lock

# The environment. Debian's own python3 has neither ensurepip nor a site-packages one may write to, so pip stays outside
# and installs into it. uv is only a faster pip: where it cannot be had, or cannot reach the packages, pip does it.
define REQUIRE
@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: install Python 3.11 or newer, or say make PYTHON=…" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), but this needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
@$(PYTHON) -c 'import sys, pip; v = pip.__version__.split("."); sys.exit((int(v[0]), int(v[1])) < (22, 3))' 2>/dev/null || { \
	echo "$(PYTHON) has no pip 22.3 or newer: install it (Debian: apt install python3-pip), or say make PYTHON=…" >&2; exit 1; }
endef

E2E = $(if $(wildcard .venv/.e2e),requirements-e2e.lock)

define INSTALL
@echo "installing $(1)"
@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(1) 2>/dev/null \
	|| $(PIP) install --quiet --no-deps --require-hashes -r $(1)
@$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation -e . 2>/dev/null \
	|| $(PIP) install --quiet --no-index --no-deps --no-build-isolation -e .
endef

$(BIN)/python:
	$(REQUIRE)
	@echo "making .venv"
	@$(PYTHON) -m venv --clear --without-pip .venv

.venv/.uv: requirements-uv.lock | $(BIN)/python
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements-uv.lock >/dev/null 2>&1 || true
	@touch $@

# Who has the tests' packages, or the browser's beside them, keeps them: they hold the others at the same versions.
.venv/.runtime: requirements.lock pyproject.toml .venv/.uv
	$(REQUIRE)
	$(call INSTALL,$(or $(E2E),$(if $(wildcard .venv/.test),requirements-test.lock,requirements.lock)))
	@touch $@

.venv/.test: requirements-test.lock pyproject.toml .venv/.uv
	$(REQUIRE)
	$(call INSTALL,$(or $(E2E),requirements-test.lock))
	@touch $@ .venv/.runtime

.venv/.e2e: requirements-e2e.lock pyproject.toml .venv/.uv
	$(REQUIRE)
	$(call INSTALL,requirements-e2e.lock)
	@touch $@ .venv/.test .venv/.runtime
