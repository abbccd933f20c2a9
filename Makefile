# make run    set up, build a release, serve it on http://127.0.0.1:$(PORT)
# make test   set up, run every test
# make setup  only prepare .venv (with dwpld in .venv/bin) and the page assets
# make spark  set up, with the Spark engine too (docs/operations.md); it needs Java 17 or newer

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STATIC := endpoint/static
ASSETS := endpoint/assets
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?= -n 2 --dist worksteal

.PHONY: run test setup build spark check lock clean

run: setup build
	@echo "== Serving on http://127.0.0.1:$(PORT) (stop with Ctrl-C)"
	@exec $(BIN)/dwpld serve --port $(PORT)

build: setup
	@echo "== Building a release from the tables in mappings/"
	@$(BIN)/dwpld build --base-uri http://127.0.0.1:$(PORT)

setup: $(VENV)/.run $(STATIC)/.done

spark: setup $(VENV)/.spark

test: setup $(VENV)/.dev
	@echo "== Running the tests"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	@scripts/check

$(VENV)/bin/python:
	@echo "== Making $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "== Installing the packages of requirements.lock (one to two minutes the first time)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "== Installing what the tests need (requirements-dev.lock)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.spark: requirements-spark.lock $(VENV)/.run
	@echo "== Installing the Spark engine (requirements-spark.lock, 450 MB)"
	@$(PIP) install --require-hashes -r requirements-spark.lock
	@touch $@

$(STATIC)/.done: $(ASSETS)/package-lock.json $(wildcard $(ASSETS)/*.mjs) $(wildcard $(ASSETS)/src/*)
	@echo "== Building the page assets"
	@command -v npm > /dev/null || { echo "Node.js 20 or newer with npm is needed for the page assets" >&2; exit 1; }
	@npm --prefix $(ASSETS) ci --no-audit --no-fund --loglevel=error
	@npm --prefix $(ASSETS) run --silent build
	@touch $@

lock: | $(VENV)/bin/python
	@$(PIP) install pip-tools
	@$(BIN)/pip-compile $(LOCK_FLAGS) --extra build -o requirements.lock pyproject.toml
	@$(BIN)/pip-compile $(LOCK_FLAGS) --allow-unsafe --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	@$(BIN)/pip-compile $(LOCK_FLAGS) --extra spark -c requirements.lock -o requirements-spark.lock pyproject.toml

LOCK_FLAGS := --quiet --generate-hashes --strip-extras --no-annotate --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

clean:
	rm -rf $(VENV) $(STATIC) build $(ASSETS)/node_modules
