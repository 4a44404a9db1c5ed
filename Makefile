# Everything runs in .venv, made by uv where it is installed, else by venv and pip.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check setup clean

demo: setup
	$(BIN)/downroute demo

test: setup
	$(BIN)/python -m pytest -q -n auto --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

setup: .venv/ready

.venv/ready: pyproject.toml uv.lock
	@if command -v uv >/dev/null 2>&1; then \
		uv sync --quiet --locked; \
	else \
		$(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1" && \
		$(BIN)/python -m pip install --quiet --editable . --group dev; \
	fi
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
