# Each target is one line: what it runs can be run by hand. `make setup` needs python3 and no more.
BIN := .venv/bin
INSTALLED := .venv/installed
UV := uv==0.13.9
WORKERS := --numprocesses auto --dist loadscope --no-loadscope-reorder
# Without kept bytecode each worker, and each process that a test starts, compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: setup up down demo fmt lint test test-fast contracts check faults soak

setup: $(INSTALLED)
up: setup; $(BIN)/python -m deploy.local.up
down: setup; $(BIN)/python -m deploy.local.up down
demo: setup; $(BIN)/python -m deploy.demo
fmt: setup; $(BIN)/ruff format . && $(BIN)/ruff check --fix .
lint: setup; $(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy . && $(BIN)/lint-imports
test: setup; $(BIN)/pytest $(WORKERS)
test-fast: setup; $(BIN)/pytest $(WORKERS) -m "not servers and not long"
contracts: setup; $(BIN)/python -m contracts.generate && $(BIN)/python -m services.cli.r4_types && $(BIN)/python -m services.cli.capabilities
check: lint test
faults: setup; $(BIN)/python -m tests.fault.harness
soak: setup; $(BIN)/python -m tests.fault.harness soak

$(INSTALLED): requirements.lock
	deploy/local/packages.sh venv
	$(BIN)/python -m pip --version >/dev/null 2>&1 || python3 -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements.lock
	$(BIN)/python -m deploy.local.jars
	$(BIN)/python -m deploy.local.zipkin
	printf '#!/bin/sh\nPYTHONPATH=%s exec %s/.venv/bin/python -m services.cli "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $(BIN)/waypost && chmod +x $(BIN)/waypost
	touch $@
