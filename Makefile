# Everything here works on a fresh machine that has only Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DIST_READY := $(VENV)/.ready-dist
DEMO_READY := $(VENV)/.ready-demo
PIP := $(BIN)/pip --disable-pip-version-check --no-input

# Bytecode is kept: tests and demo start many processes, and each would compile everything that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check-types compile-tests unit coverage test-lowest bench screenshots reference docs faults cluster \
	fuzz soak lock dist reproducible clean

# Messages go to standard error, because without a terminal the demo prints nothing but JSON.
demo: $(DEMO_READY)
	@echo 'Starting the demo: a simulated PBX and a simulated Exchange, on this machine alone.' >&2
	@if [ -t 1 ]; then $(BIN)/calendar-tui --demo; else $(BIN)/calendar-engine demo --headless --for 20 --json; fi

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 check-types compile-tests
	$(BIN)/pytest

check-types: $(READY)
	$(BIN)/mypy
	$(BIN)/lint-imports

# On a fresh checkout every process that runs tests would compile all of them. Errors are left to pytest, which follows.
compile-tests: $(READY)
	@$(BIN)/pytest --collect-only --quiet --quiet -n 0 >/dev/null || true

# All but what takes long, starts a process or needs a terminal.
unit: $(READY)
	$(BIN)/pytest -m 'not slow and not process and not pty'

# All tests once more, which takes longer: how much of each package they reach. No package may fall below its floor in
# tests/coverage.toml; RAISE=1 raises the floors.
coverage: $(READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/python -m tests.coverage_floors $(if $(RAISE),--raise)

# The same tests with the oldest versions that pyproject.toml allows.
test-lowest: $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-lowest
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --output-file .venv-lowest/versions.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python .venv-lowest --constraint .venv-lowest/versions.txt --editable '.[dev]'
	.venv-lowest/bin/python -m pytest

bench: $(READY)
	$(BIN)/pytest tests/bench -p no:randomly -n 0 -s --override-ini addopts=

# STEPS=1000 SEED=7 set the size, and repeat a run.
faults: $(READY)
	PYTHONPATH=. $(BIN)/python -W ignore -m tests.campaigns.faults $(if $(STEPS),--steps $(STEPS)) $(if $(SEED),--seed $(SEED))

# Several engines over one PostgreSQL, in real time: 2,000 steps take two hours. STEPS, SEED as well, JOBS=2 sites at once.
cluster: $(READY)
	PYTHONPATH=. $(BIN)/python -W ignore -m tests.campaigns.cluster $(if $(STEPS),--steps $(STEPS)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))

# INPUTS=1000 SEED=7 as well, JOBS=1 for one processor, ONLY="planted secrets" for one kind of input.
fuzz: $(READY)
	PYTHONPATH=. $(BIN)/python -W ignore -m tests.campaigns.fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(ONLY),--only "$(ONLY)")

screenshots: $(READY)
	PYTHONPATH=. $(BIN)/python docs/screenshots.py

# The pages in docs/ that are made of the code: settings, failures, the vendor's settings.
reference: $(READY)
	PYTHONPATH=. $(BIN)/python docs/reference.py

# The administrators' documentation as HTML in build/docs/html; needs mandoc for the manual pages.
docs: $(READY)
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html -d build/docs/doctrees docs build/docs/html
	@echo 'build/docs/html/index.html'

# Ten simulated days; DAYS=1 SEED=7 shorten or repeat a run.
soak: $(READY)
	PYTHONPATH=. $(BIN)/python -W ignore -m tests.campaigns.soak $(if $(DAYS),--days $(DAYS)) $(if $(SEED),--seed $(SEED))

# The newest versions of all dependencies, with hashes, from which a package is built.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links \
		--extra cluster --output-file packaging/requirements.lock pyproject.toml

# Wheel, sdist and Debian packages in dist/, with bills of materials and checksums; needs debhelper, mandoc, binutils
# for arm64 and, for the dependencies, a package index. ONLY=amd64 or arm64 makes one Debian package.
dist: $(DIST_READY)
	rm -rf dist
	$(BIN)/python packaging/builder --output dist $(if $(ONLY),--only $(ONLY))

# Everything built once more, elsewhere, under another umask and time zone: the same bytes.
reproducible: dist
	rm -rf build/again
	umask 027; TZ=Asia/Tokyo $(BIN)/python packaging/builder --output build/again $(if $(ONLY),--only $(ONLY))
	cd dist && sha256sum --check --quiet ../build/again/SHA256SUMS
	@echo 'Both builds are the same:'; cat dist/SHA256SUMS

clean:
	rm -rf .coverage* $(VENV) .venv-lowest .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(DEMO_READY)

$(DIST_READY): $(READY)
	$(PIP) install --quiet --editable '.[dist]'
	@touch $@

# Only the modules that the demo loads are compiled, when they are loaded.
$(DEMO_READY): pyproject.toml
	@echo 'Making a virtual environment in $(VENV) (once) ...' >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@echo 'Installing what calendar-engine and calendar-tui need into it, and nothing else (once) ...' >&2
	@$(PIP) install --no-compile --progress-bar on --editable . >&2
	@touch $@
