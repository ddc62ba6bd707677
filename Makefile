# Everything here works on a fresh machine that has only Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.ready-demo
PIP := $(BIN)/pip --disable-pip-version-check --no-input

.PHONY: demo test bench screenshots faults soak clean

# What it says goes to standard error: without a terminal the demo prints JSON, and nothing else.
demo: $(DEMO_READY)
	@echo 'Starting the demo: a simulated PBX and a simulated Exchange, on this machine alone.' >&2
	@if [ -t 1 ]; then $(BIN)/calendar-tui --demo; else $(BIN)/calendar-engine demo --headless --for 20 --json; fi

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

bench: $(READY)
	$(BIN)/pytest tests/bench -p no:randomly -n 0 -s --override-ini addopts=

# STEPS=1000 SEED=7 for another size, or the same run again.
faults: $(READY)
	PYTHONPATH=. $(BIN)/python -W ignore -m tests.campaigns.faults $(if $(STEPS),--steps $(STEPS)) $(if $(SEED),--seed $(SEED))

screenshots: $(READY)
	PYTHONPATH=. $(BIN)/python docs/screenshots.py

soak: $(READY)
	$(BIN)/calendar-engine demo --headless --for 600 --speed 600

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(DEMO_READY)

# Of bytecode only what the demo loads is made, as it is loaded.
$(DEMO_READY): pyproject.toml
	@echo 'Making a virtual environment in $(VENV) (once) ...' >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@echo 'Installing what calendar-engine and calendar-tui need into it, and nothing else (once) ...' >&2
	@$(PIP) install --no-compile --progress-bar on --editable . >&2
	@touch $@
