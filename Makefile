# `make demo` and `make test` need python3 >= 3.11 and make, and nothing else.

# The interpreter that .venv is made with.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help setup demo quick test pinned lint types bench docs constraints clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/make \1\t\2/p' Makefile | expand -t 20

# The stamp is newer than the two files that say what is installed, so setting up twice does nothing the second
# time. pip prefers a CPU build of torch (2.13.0+cpu) to the pinned 2.13.0 wherever it is offered one.
STAMP := .venv/.set-up
setup: $(STAMP)  ## make .venv with the pinned packages and lossmith itself

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) -V 2>/dev/null) || found="not a Python that runs"; \
	  echo "lossmith needs Python 3.11 or newer, but $(PYTHON) is $$found;" \
	       "install one and name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up .venv; the first time takes a few minutes."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP)  ## search a loss for the long-tailed digits, about a minute
	.venv/bin/lossmith search examples/digits_longtail.yaml

# Users of one slow fixture go to one worker: see tests/conftest.py.
PYTEST := .venv/bin/python -m pytest -n auto --dist loadgroup

# What a change is tried with again and again: no whole search, no program started, no test that is marked traced.
quick: $(STAMP)  ## run the tests of the inner loop: no whole search, nothing marked traced
	$(PYTEST) -m 'not end_to_end and not traced and not slow and not cluster and not containers and not pinned'

test: $(STAMP)  ## run the test suite; needs no network
	$(PYTEST)

pinned: $(STAMP)  ## compare three searches with their snapshots; LOSSMITH_WRITE_PINNED=1 writes them anew
	.venv/bin/python -m pytest -m pinned tests/pinned

lint: $(STAMP)  ## check the code with ruff and mypy
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	@$(MAKE) --no-print-directory types

# mypy finds packages by folder names alone, so it is shown lossmith/losses, lossmith/spaces and so on as links.
types: $(STAMP)  ## check the types alone
	@mkdir -p .mypy-links/lossmith
	@for part in losses spaces search experiments; do ln -sfn ../../$$part .mypy-links/lossmith/$$part; done
	.venv/bin/mypy

bench: $(STAMP)  ## measure trained trials per second against plain loops, into docs/benchmarks.md
	@mkdir -p build
	.venv/bin/python benchmarks/trials_per_second.py --json build/trials_per_second.json --docs docs/benchmarks.md

# The reference is read from the links that `make types` needs too. --strict: a broken link is an error.
docs: $(STAMP)  ## build the documentation into build/site
	@mkdir -p .mypy-links/lossmith
	@for part in losses spaces search experiments; do ln -sfn ../../$$part .mypy-links/lossmith/$$part; done
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true .venv/bin/mkdocs build --strict --quiet

# To move to newer packages: upgrade them in .venv, run the tests, then `make constraints`.
# A local version (2.13.0+cpu) is dropped, so that the pin holds for every build of that version.
constraints: $(STAMP)  ## write constraints.txt from what .venv holds
	@.venv/bin/python -m pip freeze --all --exclude pip --exclude lossmith --exclude-editable > .venv/freeze.txt
	@{ sed -n '/^#/p' constraints.txt; sed 's/+[^+]*$$//' .venv/freeze.txt; } > .venv/constraints.txt
	@mv .venv/constraints.txt constraints.txt
	@touch $(STAMP)

clean:  ## remove .venv, caches and build output; searches in lossmith-data stay
	rm -rf .venv .mypy-links .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find losses spaces search experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +
