# Every target does its own set-up in .venv. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
BUILD_DEPS := scikit-build-core nanobind ninja cmake
SOURCES := $(shell find csrc optable codegen -name '*.cpp' -o -name '*.h' -o -name '*.inc' -o -name '*.py') CMakeLists.txt pyproject.toml

.PHONY: build demo test test-parity test-sanitize test-threads test-long lint format docs bench clean

build: $(STAMP)

$(VENV)/.base:
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check $(BUILD_DEPS) "rich>=13"
	touch $@

$(STAMP): $(VENV)/.base $(SOURCES)
	$(PY) -m pip install -q --disable-pip-version-check --no-build-isolation -e . -Cbuild-dir=build/release -Ceditable.mode=redirect
	touch $@

$(VENV)/.test: $(STAMP)
	$(PY) -m pip install -q --disable-pip-version-check "pytest>=8" pytest-xdist "hypothesis>=6" "numpy>=1.23" mpmath
	touch $@

demo: build
	$(PY) -m torchy

test: $(VENV)/.test
	$(PY) -m pytest tests --ignore=tests/parity -n 2

test-parity: $(VENV)/.test
	$(PY) -c "import torch" 2>/dev/null || $(PY) -m pip install -q --disable-pip-version-check torch==2.13.0
	$(PY) -m pytest tests/parity -n 2

test-sanitize: $(VENV)/.test
	$(PY) -m tests.sanitize

test-threads: $(VENV)/.test
	$(PY) -m tests.sanitize --threads

test-long: $(VENV)/.test
	TORCHY_PROGRAMS=2000 $(PY) -m pytest tests/property -n 2
	$(PY) -m bench.memory
	$(PY) -m bench.memory_graphs

lint: $(VENV)/.test
	$(PY) -m pip install -q --disable-pip-version-check ruff==0.17.6 mypy==2.4.1 clang-format==23.1.5
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m codegen.layers
	$(PY) -m codegen docs --check
	find csrc -name '*.cpp' -o -name '*.h' -o -name '*.inc' | xargs $(VENV)/bin/clang-format --dry-run -Werror

format: $(VENV)/.base
	$(PY) -m ruff check --fix . ; $(PY) -m ruff format .
	find csrc -name '*.cpp' -o -name '*.h' -o -name '*.inc' | xargs $(VENV)/bin/clang-format -i

docs: $(VENV)/.base
	$(PY) -m codegen docs

bench: $(STAMP)
	$(PY) -c "import torch" 2>/dev/null || $(PY) -m pip install -q --disable-pip-version-check torch==2.13.0
	$(PY) -m bench --json build/bench.json --svg build/bench.svg

clean:
	rm -rf build $(VENV)
