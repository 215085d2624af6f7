# Two commands: `make demo` and `make test`. Each makes .venv first, once.

PYTHON ?= python3
JOBS ?= 2
DEMO ?= demo

BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input --retries 10 --timeout 120

# What decides the installation names the stamps: unchanged files mean no pip work at all.
SUM := $(shell cat setup.py pyproject.toml constraints.txt | cksum | tr ' ' '-')
BASE := .venv/installed-base-$(SUM)
DEV := .venv/installed-dev-$(SUM)

.NOTPARALLEL:
.PHONY: help demo test test-slow lint format install install-dev clean

help:
	@echo 'make demo       profile this machine, search, train, export, verify; writes $(DEMO)/report.html'
	@echo 'make test       formatting, lint, types, layering, tests and doctests'
	@echo 'make test-slow  the tests that are slow, time this machine, or need a GPU or TensorRT'
	@echo 'make lint       everything of make test but the tests'
	@echo 'make format     format the code and apply the safe fixes of the linter'
	@echo 'make clean      remove .venv, caches and build leftovers'
	@echo
	@echo 'Variables: PYTHON=$(PYTHON) (3.10 or newer), JOBS=$(JOBS) test processes, DEMO=$(DEMO) folder'

demo: $(BASE)
	$(BIN)/detfit demo -o $(DEMO)

test: lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile

test-slow: $(DEV)
	$(BIN)/pytest -m 'slow or timing or gpu or tensorrt'

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports --no-logo --no-cache

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(BASE)

install-dev: $(DEV)

$(BIN)/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "detfit needs Python 3.10 or newer; say make PYTHON=...")'
	$(PYTHON) -m venv .venv

$(BASE): | $(BIN)/pip
	@echo 'Installing detfit into .venv: several GB the first time'
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(DEV): | $(BIN)/pip
	@echo 'Installing detfit and its tools into .venv: several GB the first time'
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(BASE)

clean:
	rm -rf .venv build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
