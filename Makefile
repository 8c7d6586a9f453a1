# Two targets do everything: `make chat` and `make test`. See README.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS ?= qwen2.5-coder-0.5b-instruct

.PHONY: chat test models check clean

chat: $(VENV)/.chat
	@$(BIN)/tide-chat setup $(if $(SMALL),--small)
	@$(BIN)/tide-chat chat $(if $(SMALL),--small)

test: $(VENV)/.test
	$(BIN)/tide-chat setup --model $(MODELS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest -m "slow or model"

# The quick half of `make test`, for while one is working.
check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

models: $(VENV)/.chat
	$(BIN)/tide-chat setup --model $(MODELS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "tide-chat needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.chat: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing. llama.cpp is compiled for this machine: about 9 minutes on two cores."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".[all]"
	@touch $@

$(VENV)/.test: $(VENV)/.chat
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --group test
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
