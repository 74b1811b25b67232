# The commands that the README names. Everything is installed into .venv, from PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-all lint format setup setup-test clean

run: $(VENV)/.run-ready
	@$(BIN)/pharos gpt2 generate $(ARGS)

test: $(VENV)/.test-ready
	$(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

test-all: $(VENV)/.test-ready
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/.test-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(VENV)/.run-ready
setup-test: $(VENV)/.test-ready

$(VENV)/.run-ready: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v <= (3, 12) else "Pharos needs Python 3.10 to 3.12, found %d.%d: run make PYTHON=python3.11" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Pharos into $(VENV) (once, about 350 MB of wheels)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test-ready: $(VENV)/.run-ready pyproject.toml
	@echo "Installing what the tests need (once; torch and transformers are references)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint,reference]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
