# mmssod: `make demo` runs the demo, `make check` runs what CI runs.
#
# The environments install once; they install again when setup.py, setup.cfg or requirements/ change.
# On a machine without make, docs/install.md has the same steps as plain commands.

PYTHON ?= python3
VENV := .venv
VENV_OPENMMLAB := .venv-openmmlab
VENV_AUDIT := .venv-audit

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DOCS := $(VENV)/.installed-docs
INSTALLED_OPENMMLAB := $(VENV_OPENMMLAB)/.installed
RECIPE := setup.py setup.cfg $(wildcard requirements/*.txt)

# With both mm stacks; `browser` is left out, it needs a Chromium beside its package.
EXTRAS := lite,eval,wbf,safetensors,convert,completion,dev

# Two processes of tests, or as many as a machine has cores, up to four; the tests of a file stay together, whose
# fixtures they share. `make test WORKERS=` runs them in one process, as `python -m pytest FILE` does.
WORKERS := -n auto --maxprocesses 4 --dist loadfile

PIP_FLAGS := --quiet --disable-pip-version-check

# $(call install,VENV,CONSTRAINTS,EXTRAS). The last step: mmcv asks for opencv-python, which needs libGL, and other
# packages for the headless one; both own the same files, and the headless one, installed last, runs everywhere.
define install
@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 12) else \
    f"{sys.executable} is Python {v[0]}.{v[1]}, mmssod needs 3.10, 3.11 or 3.12: make PYTHON=python3.11 ...")'
@echo 'Installing into $(1), a few minutes ...'
test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
$(1)/bin/python -m pip install $(PIP_FLAGS) --upgrade pip 'setuptools<82' wheel
$(1)/bin/python -m pip install $(PIP_FLAGS) -c $(2) -e '.[$(3)]'
$(1)/bin/python -m pip install $(PIP_FLAGS) -c $(2) --no-deps --force-reinstall opencv-python-headless
$(1)/bin/python -m mmssod.environment
@touch $@
endef

.PHONY: help install demo test test-changed test-all test-openmmlab coverage faults fuzz audit lint type fmt docs check browser clean

help:
	@echo 'make install         create $(VENV) and install mmssod with the onedl mm stack'
	@echo 'make demo            train a teacher and a student on generated data, print one table'
	@echo 'make test            run the default tests;  make test-all: also the slow ones'
	@echo 'make test-changed    run the slow tests of methods that the last commit changed'
	@echo 'make test-openmmlab  run the default tests on the original mm stack, in $(VENV_OPENMMLAB)'
	@echo 'make coverage        run the default tests and show which share of mmssod/ they cover'
	@echo 'make faults          test kills, lost processes and a long run; takes minutes, writes docs/results/faults.md'
	@echo 'make fuzz            test thousands of damaged files of each kind; takes half an hour'
	@echo 'make audit           list known vulnerabilities of the installed packages (needs a network)'
	@echo 'make check           lint, types, docs and tests, as CI runs them;  make fmt: format the code'
	@echo 'make docs            build the documentation: docs/_build/html/docs/index.html'
	@echo 'make clean           remove environments, caches and build results'
	@echo 'PYTHON=python3.11 chooses the interpreter of a new environment.'

install: $(INSTALLED)

$(INSTALLED): $(RECIPE)
	$(call install,$(VENV),requirements/constraints.txt,onedl$(comma)$(EXTRAS))

$(INSTALLED_OPENMMLAB): $(RECIPE)
	$(call install,$(VENV_OPENMMLAB),requirements/constraints-openmmlab.txt,openmmlab$(comma)$(EXTRAS))

$(INSTALLED_DOCS): $(INSTALLED) requirements/docs.txt
	$(BIN)/python -m pip install $(PIP_FLAGS) -c requirements/constraints.txt -r requirements/docs.txt
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python tools/demo.py

test: $(INSTALLED)
	$(BIN)/python -m pytest $(WORKERS) $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

test-all: $(INSTALLED)
	$(BIN)/python -m pytest $(WORKERS) -m ''

test-changed: $(INSTALLED)
	$(BIN)/python tools/changed_tests.py

test-openmmlab: $(INSTALLED_OPENMMLAB)
	$(VENV_OPENMMLAB)/bin/python -m pytest $(WORKERS)

coverage:
	$(MAKE) --no-print-directory test COVERAGE=1

faults: $(INSTALLED)
	$(BIN)/python tests/faults/campaign.py --out docs/results/faults.md

fuzz: $(INSTALLED)
	MMSSOD_FUZZ_EXAMPLES=3000 $(BIN)/python -m pytest -q -m slow tests/fuzz

audit: $(INSTALLED)
	$(BIN)/python tools/audit.py

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/lint-imports setup.cfg --no-cache

type: $(INSTALLED)
	$(BIN)/mypy

fmt: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(INSTALLED_DOCS)
	$(BIN)/python -m sphinx -W --keep-going -c docs . docs/_build/html
	$(BIN)/python tools/docs/links.py docs/_build/html

# Findings of the audit are shown and fail nothing, nor does a machine without a network (docs/security.md).
check: browser lint type docs
	@timeout 180 $(BIN)/python tools/audit.py || echo "audit: exit code $$? (1: findings, see above; 2: no network; 124: too slow); going on"
	$(MAKE) --no-print-directory test-changed
	$(MAKE) --no-print-directory test COVERAGE=1

# The tests of the report page run in a real browser: its package, Debian's Chromium where there is none, else playwright's.
browser: $(INSTALLED)
	$(BIN)/python -m pip install $(PIP_FLAGS) -c requirements/constraints.txt -r requirements/browser.txt
	@command -v chromium >/dev/null || { apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
	    $(BIN)/python -m playwright install chromium || echo 'no Chromium could be installed here'

clean:
	rm -rf $(VENV) $(VENV_OPENMMLAB) $(VENV_AUDIT) build dist *.egg-info docs/_build
	rm -rf .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

comma := ,
