# facepipe: every command a newcomer needs. Each target makes what it depends on.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench ui check audit system

demo: .venv/ready  ## from nothing to a finished swap of two synthetic people
	$(BIN)/facepipe demo

test: .venv/ready  ## the whole test suite, import rules and doctests included
	$(BIN)/pytest -n auto

bench: .venv/ready  ## the benchmark table: ratios against named peers, measured in one run
	$(BIN)/python -m facepipe_tests.benchmarks

ui: .venv/ready  ## the Dagster UI on 127.0.0.1:3000
	$(BIN)/facepipe ui

check: .venv/ready  ## lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

audit: .venv/ready  ## known vulnerabilities of the pinned packages, and their list as CycloneDX
	$(BIN)/python -m facepipe_tests.audit

.venv/ready: requirements.lock pyproject.toml
	$(MAKE) system
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

# MediaPipe loads these at run time; apt is used where it is there and we are root.
LIBRARIES := libEGL.so.1 libGLESv2.so.2 libGL.so.1 libglib-2.0.so.0
PACKAGES := libegl1 libgles2 libgl1 libglib2.0-0
system:
	@for library in $(LIBRARIES); do \
	  ldconfig -p 2>/dev/null | grep -q "$$library" || missing="$$missing $$library"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	else \
	  echo "missing system libraries:$$missing; install them: sudo apt-get install $(PACKAGES)"; \
	fi
