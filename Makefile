# `make` sets up and runs the main job, `make test` sets up and runs linters and tests.

PYTHON ?= python3
# A budget other than that of config.yaml: make run BUDGET=quick
BUDGET ?=
# The published results that those of a run are compared with: of the same budget if there are any.
PUBLISHED := $(firstword $(wildcard docs/results/$(or $(BUDGET),laptop)) docs/results/laptop)
# The rest is relative, so that a clone may lie in a folder with spaces in its name.
VENV := .venv
SNAKEMAKE := $(VENV)/bin/snakemake
# What the lock files list and nothing else, each with its hash. A build, of the one package without a wheel and of this
# one, uses what is installed and fetches nothing.
INSTALL := $(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation
INSTALL_LOCKED := $(INSTALL) --require-hashes --requirement

# Snakemake keeps a cache in the home of the user. Where there is none that can be written, it is kept here.
ifneq ($(shell [ -n "$$XDG_CACHE_HOME" ] || [ -w "$$HOME" ] && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.PHONY: all install run report test tests faults lint docs status benchmark benchmark-compiled benchmark-precision benchmark-scale \
	benchmark-overhead audit lock clean
.DEFAULT_GOAL := all

all: run report
	@echo
	@echo "The trade-off:  results/figures/tradeoff.pdf (and arithmetic.pdf, facts.pdf, joint.pdf; .png beside each)"
	@echo "The table:      results/tables/base/summary.md"
	@echo "The report:     results/report.html"
	@$(VENV)/bin/python -m capacity compare $(PUBLISHED) results || true

install: $(VENV)/installed

run: $(VENV)/installed
	$(SNAKEMAKE) --logger capacity --cores all all $(if $(BUDGET),--config budget=$(BUDGET))

report: run
	$(SNAKEMAKE) --report results/report.html $(if $(BUDGET),--config budget=$(BUDGET))

# The linters run beside the tests, as one of them takes half a minute on one core.
test: $(VENV)/installed-test
	$(MAKE) --jobs 2 lint tests

tests: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

faults: $(VENV)/installed-test
	$(VENV)/bin/python tests/faults/campaign.py --kills 200
	$(VENV)/bin/python -m tests.faults.configurations --count 3000
	$(VENV)/bin/python -m tests.faults.damages --count 400

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

# Known vulnerabilities of what the lock files install. It needs the advisories of the Python package index.
audit: $(VENV)/installed-audit
	$(VENV)/bin/pip-audit --strict --disable-pip --requirement envs/requirements-cuda.txt \
		--requirement envs/requirements-benchmark.txt --requirement envs/requirements-audit.txt
	$(VENV)/bin/pip-audit --strict --disable-pip --requirement envs/requirements-validators.txt

# The hashes of the lock files, after a version in one of them was edited.
lock: $(VENV)/installed-audit
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python -m tools.lock

$(VENV)/installed: envs/requirements-build.txt envs/requirements.txt envs/requirements-cuda.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL_LOCKED) envs/requirements-build.txt
	@# pip compiles modules one after the other, which takes as long as the rest of it: all cores do it instead. What is
	@# written for another version of Python cannot be compiled, and is left.
	$(INSTALL_LOCKED) envs/requirements.txt --no-compile
	@$(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib || true
	@# A torch that is not built for CPUs lacks the packages of CUDA now.
	$(VENV)/bin/python -m pip check >/dev/null || $(INSTALL_LOCKED) envs/requirements-cuda.txt
	$(VENV)/bin/python -m pip check
	$(INSTALL) --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed envs/requirements-docs.txt envs/requirements-storage.txt envs/requirements-test.txt \
		envs/requirements-validators.txt
	$(INSTALL_LOCKED) envs/requirements-test.txt
	@# Apart from the rest, of which it uses what is not in it: it needs another version of one package.
	$(INSTALL_LOCKED) envs/requirements-validators.txt --upgrade --target $(VENV)/validators
	touch $@

$(VENV)/installed-docs: $(VENV)/installed envs/requirements-docs.txt
	$(INSTALL_LOCKED) envs/requirements-docs.txt
	touch $@

$(VENV)/installed-benchmark: $(VENV)/installed envs/requirements-benchmark.txt
	$(INSTALL_LOCKED) envs/requirements-benchmark.txt
	touch $@

$(VENV)/installed-audit: $(VENV)/installed-test envs/requirements-audit.txt
	$(INSTALL_LOCKED) envs/requirements-audit.txt
	touch $@

clean:
	rm -rf $(VENV) .snakemake
