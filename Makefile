# Everything here works on a fresh machine that has only Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test bench screenshots faults soak clean

demo: $(READY)
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
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
