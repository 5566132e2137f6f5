# The two commands a newcomer needs: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo-project
WORKERS ?= 2
BENCH ?= bench-projects

.PHONY: demo test setup lint bench bench-large clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt
	touch $@

demo: setup
	$(BIN)/sept demo $(DEMO)
	@if [ -t 1 ]; then $(BIN)/sept app $(DEMO); else echo "Open it with: $(BIN)/sept app $(DEMO)"; fi

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n $(WORKERS)

bench: setup
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.embedding classic
	$(BIN)/python -m benchmarks.retrieval

bench-large: setup
	$(BIN)/python -m benchmarks.scale all $(BENCH)

clean:
	rm -rf $(VENV) $(DEMO)
