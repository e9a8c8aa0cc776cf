# `make` sets up and runs the main job, `make test` sets up and runs linters and tests.

PYTHON ?= python3
# A budget other than that of config.yaml: make run BUDGET=quick
BUDGET ?=
# The rest is relative, so that a clone may lie in a folder with spaces in its name.
VENV := .venv
SNAKEMAKE := $(VENV)/bin/snakemake

.PHONY: all run report test faults lint docs status benchmark benchmark-compiled benchmark-precision benchmark-scale \
	benchmark-overhead clean
.DEFAULT_GOAL := all

all: run report
	@echo
	@echo "The trade-off:  results/figures/tradeoff.pdf (and arithmetic.pdf, facts.pdf, joint.pdf; .png beside each)"
	@echo "The table:      results/tables/base/summary.md"
	@echo "The report:     results/report.html"

run: $(VENV)/installed
	$(SNAKEMAKE) --cores all all $(if $(BUDGET),--config budget=$(BUDGET))

report: run
	$(SNAKEMAKE) --report results/report.html

test: $(VENV)/installed-test lint
	$(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

faults: $(VENV)/installed-test
	$(VENV)/bin/python tests/faults/campaign.py --kills 200
	$(VENV)/bin/python -m tests.faults.configurations --count 3000

lint: $(VENV)/installed-test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(SNAKEMAKE) --lint

# NO_MKDOCS_2_WARNING silences an announcement that is no warning about these pages.
docs: $(VENV)/installed-docs
	$(VENV)/bin/python -m tools.package_picture
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict
	@echo "The documentation: site/index.html"

status: $(VENV)/installed
	$(VENV)/bin/python -m capacity status --watch

benchmark: $(VENV)/installed-benchmark
	$(VENV)/bin/python -m benchmarks

benchmark-compiled: $(VENV)/installed
	$(VENV)/bin/python -m benchmarks.compiled

benchmark-precision: $(VENV)/installed
	$(VENV)/bin/python -m benchmarks.precision
	$(VENV)/bin/python -m benchmarks.precision --curves

benchmark-scale: $(VENV)/installed
	$(VENV)/bin/python -m benchmarks.scale

benchmark-overhead: $(VENV)/installed
	$(VENV)/bin/python -m benchmarks.overhead

$(VENV)/installed: envs/requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement envs/requirements.txt
	$(VENV)/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed envs/requirements-docs.txt envs/requirements-test.txt
	$(VENV)/bin/python -m pip install --quiet --requirement envs/requirements-test.txt
	touch $@

$(VENV)/installed-docs: $(VENV)/installed envs/requirements-docs.txt
	$(VENV)/bin/python -m pip install --quiet --requirement envs/requirements-docs.txt
	touch $@

$(VENV)/installed-benchmark: $(VENV)/installed envs/requirements-benchmark.txt
	$(VENV)/bin/python -m pip install --quiet --requirement envs/requirements-benchmark.txt
	touch $@

clean:
	rm -rf $(VENV) .snakemake
