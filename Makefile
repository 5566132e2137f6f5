# The two commands a newcomer needs: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo-project
WORKERS ?= 2
BENCH ?= bench-projects
FORMATS ?= .venv-formats
NEIGHBOURS := datasets webdataset fiftyone lightly_train datacomp ssl_data_curation

.PHONY: demo test test-long test-formats setup setup-dev lint bench bench-large clean

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

# The long form of what `test` does in short: other examples of properties, mutated inputs, and
# kills at random moments (hours).
test-long: setup-dev
	$(BIN)/python -m pytest -n $(WORKERS) -m hypothesis --hypothesis-profile=explore
	$(BIN)/python -m benchmarks.hostile --minutes 10
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.crash --trials 100

# Exports read back by the libraries that they are for, each in an environment of its own, which
# this downloads (about 1.5 GB). LightlyTrain borrows torch and what goes with it from .venv.
test-formats: setup-dev $(NEIGHBOURS:%=$(FORMATS)/%/.installed)
	$(BIN)/python tests/formats/make.py $(FORMATS)/exports
	@for name in $(NEIGHBOURS); do \
		$(FORMATS)/$$name/bin/python tests/formats/read_$$name.py $(FORMATS)/exports \
			2>$(FORMATS)/$$name.log || failed="$$failed $$name"; \
	done; if [ "$$failed" ]; then echo "failed:$$failed; see $(FORMATS)/*.log"; exit 1; fi

$(FORMATS)/%/.installed: tests/formats/requirements/%.txt $(VENV)/.installed
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	@if [ $* = lightly_train ]; then $(BIN)/python -c "import sysconfig; \
		print(sysconfig.get_path('purelib'))" >$$(echo $(@D)/lib/python3*/site-packages)/torch.pth; fi
	$(@D)/bin/python -m pip install --quiet -r $<
	touch $@

bench: setup-dev
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.embedding classic
	$(BIN)/python -m benchmarks.retrieval
	$(BIN)/python -m benchmarks.startup

bench-large: setup-dev
	$(BIN)/python -m benchmarks.scale all $(BENCH)

clean:
	rm -rf $(VENV) $(FORMATS) $(DEMO)
