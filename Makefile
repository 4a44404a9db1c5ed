# Everything runs in .venv, made by uv where it is installed, else by venv and pip.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check setup compiled pure clean

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

# The compiled modules of a wheel, put beside their sources. They are used until `make pure`; tests
# refuse to run where a source has changed since.
compiled: setup pure
	rm -rf build/compiled
	@if command -v uv >/dev/null 2>&1; then \
		DOWNROUTE_COMPILED=1 uv build --quiet --wheel --python $(BIN)/python --out-dir build/compiled .; \
	else \
		DOWNROUTE_COMPILED=1 $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/compiled .; \
	fi
	@$(BIN)/python -c "import glob, zipfile; \
		wheel = zipfile.ZipFile(*glob.glob('build/compiled/*.whl')); \
		wheel.extractall('src', [n for n in wheel.namelist() if n.endswith(('.so', '/compiled.json'))])"

pure:
	find src -name '*.so' -delete
	rm -f src/downroute/compiled.json

clean: pure
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
