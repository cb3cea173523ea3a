# The words people and continuous integration use. Start with `make demo` or `make test`.
#
#   make demo [TEXT=file]  install with the train extra, then text -> tokenizer -> model -> text in two minutes
#   make test              everything that must hold: lints, stubs, types, cargo test, pytest
#   make check             the quick half of it: formatting, lints, types, stubs, the shape of the house
#   make stubs             write the stubs of the Rust module anew
#   make bench             side by side with other tokenizers and trainers, correctness first
#   make exam              the longer trials with figures to reach (about 15 minutes on two cores)
#   make dist              the sdist, and the abi3 wheel built from it, in dist/
#   make clean             remove what the others made (never runs/)
#
# PIP_ARGS is handed to pip or uv. On Linux without a GPU this spares gigabytes of CUDA libraries:
#   make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"

SHELL := /bin/sh
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check stubs bench exam dist clean need-rust

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
TEXT ?=
PIP_ARGS ?=
RUST_MIN := $(shell sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
RUST_SOURCES := $(shell find rust_tok -name '*.rs' -o -name Cargo.toml) Cargo.toml $(wildcard Cargo.lock)
HAS_UV := $(shell uv --version 2>/dev/null)
INSTALL = $(if $(HAS_UV),uv pip install --python $(PY),$(PY) -m pip install --disable-pip-version-check) -c constraints.txt $(PIP_ARGS)
# pyo3 looks for an interpreter when cargo is called by hand
export PYO3_PYTHON := $(abspath $(PY))

help:
	@sed -n '2,11s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.made-train
	$(BIN)/primetone demo $(if $(TEXT),--text "$(TEXT)")

test: $(VENV)/.made-test
	$(MAKE) check
	cargo test --workspace --locked
	$(PY) -m pytest

check: $(VENV)/.made-test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/maturin generate-stubs --quiet --out target/stubs
	@diff -u python/primetone/_rust_tok.pyi target/stubs/primetone/_rust_tok.pyi || { \
		echo "the stubs are not those of the Rust code: run \`make stubs\` and commit the result" >&2; exit 1; }
	$(PY) -m pytest -q tests/unit/test_architecture.py

stubs: $(VENV)/.made-test
	$(BIN)/maturin generate-stubs --quiet --out target/stubs
	cp target/stubs/primetone/_rust_tok.pyi python/primetone/_rust_tok.pyi

bench: $(VENV)/.made-test
	@for script in benches/python/*_speed.py; do echo "== $$script"; $(PY) "$$script" || exit 1; done

exam: $(VENV)/.made-test
	@echo "make exam: about 15 minutes on two cores"
	$(PY) -m pytest -m exam --timeout 900

dist: $(VENV)/.made-test
	rm -rf dist
	$(BIN)/maturin build --release --locked --sdist --out dist
	@ls -l dist

clean:
	rm -rf $(VENV) target dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -f python/primetone/_rust_tok*.so
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp file says that a step is done; Python sources need none, the install is editable.

$(VENV)/.made-train: $(VENV)/.made $(RUST_SOURCES) pyproject.toml constraints.txt | need-rust
	@echo "Building and installing primetone (the first time downloads torch, which is large)"
	$(INSTALL) -e '.[train]'
	@touch $@

$(VENV)/.made-test: $(VENV)/.made $(RUST_SOURCES) pyproject.toml constraints.txt | need-rust
	@echo "Building and installing primetone and what its tests need (the first time downloads torch, which is large)"
	$(INSTALL) -e '.[test]'
	@touch $(VENV)/.made-train $@

# An environment that stands there is used, if its Python is new enough: somebody may have made it on purpose.
$(VENV)/.made:
	@if $(PY) -c 'import sys$(if $(HAS_UV),,, pip); sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Using the environment in $(VENV)"; touch $@; exit 0; fi; \
	if [ -e $(VENV) ]; then \
		echo "$(VENV) is there without a Python 3.11 or newer$(if $(HAS_UV),, and pip): move it away, then run make again" >&2; exit 1; fi; \
	python=; \
	for name in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14 python; do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -n "$(HAS_UV)" ]; then \
		echo "Creating $(VENV) with uv"; uv venv --quiet --python "$${python:->=3.11}" $(VENV); \
	elif [ -z "$$python" ]; then \
		echo "primetone needs Python 3.11 or newer; found: $$(python3 --version 2>&1). Install one, or say which: make demo PYTHON=/path/to/python" >&2; exit 1; \
	elif ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv) or uv" >&2; exit 1; \
	else \
		echo "Creating $(VENV) with $$python"; "$$python" -m venv $(VENV); \
	fi && touch $@

need-rust:
	@command -v cargo >/dev/null 2>&1 || { \
		echo "primetone needs Rust $(RUST_MIN) or newer; found no cargo. Install it from https://rustup.rs" >&2; exit 1; }
	@cargo --version | awk -v min=$(RUST_MIN) '{ split($$2, have, "."); split(min, want, "."); \
		if (have[1] * 1000 + have[2] < want[1] * 1000 + want[2]) { \
			print "primetone needs Rust " min " or newer; found cargo " $$2 ". Run: rustup update stable" > "/dev/stderr"; exit 1 } }'
	@command -v cc >/dev/null 2>&1 || { \
		echo "primetone needs a linker; found no cc. Install gcc or clang (Debian, Ubuntu: apt install gcc)" >&2; exit 1; }
