# The two commands a newcomer needs: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo-project
WORKERS ?= 2
BENCH ?= bench-projects

.PHONY: demo test setup setup-dev lint bench bench-large clean

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

INSTALL = $(BIN)/python -m pip install --quiet -c constraints.txt
PACKAGING = requirements.txt constraints.txt pyproject.toml hatch_build.py

$(VENV)/.installed: $(PACKAGING)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/sept demo $(DEMO)
	@if [ -t 1 ]; then $(BIN)/sept app $(DEMO); else echo "Open it with: $(BIN)/sept app $(DEMO)"; fi

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n $(WORKERS)

bench: setup-dev
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.embedding classic
	$(BIN)/python -m benchmarks.retrieval

bench-large: setup-dev
	$(BIN)/python -m benchmarks.scale all $(BENCH)

clean:
	rm -rf $(VENV) $(DEMO)
