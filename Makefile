# Everything that a user or CI calls. Needs Python 3.11, git and make; the rest is set up in
# .venv, the node_modules of tools/vboard and tools/publish/web, and build/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
SHELL := bash
.SHELLFLAGS := -o pipefail -c
export PIP_DISABLE_PIP_VERSION_CHECK := 1

BOARD ?= virtual
SIMULATE_S ?= 300
NODE_MODULES := tools/vboard/node_modules tools/publish/web/node_modules
PAGES := README.md CONTRIBUTING.md docs firmware/examples tests/README.md $(wildcard boards/*/README.md)
STUBS := $(patsubst boards/%/stubs.txt,build/stubs/%/ready,$(wildcard boards/*/stubs.txt))

.PHONY: help setup demo fleet test test-device soak check bench web web-pictures docs release lint flash tables lock protos clean

help:
	@echo "make demo   a virtual board, flashed, fed and watched (LOG=FILE feeds your log)"
	@echo "make fleet  30 simulated boards behind 3 gateways, with etcd and Prometheus, under pressure;"
	@echo "            OVERRUN=900: feeding one server that takes less than they send, for 900 seconds"
	@echo "make test   every test; those on other MicroPythons as far as the machine has them"
	@echo "make check  the hot-path contract: allocation, frames, an interrupt at every opcode, threads;"
	@echo "            and the whole system on virtual time, for 5 minutes at most (SIMULATE_S=300)"
	@echo "make test-device  the shared suite on every MicroPython that the machine can run"
	@echo "make soak   20,000 simulated runs, and the tests with faults, kills and fuzz in full: an hour or more"
	@echo "make bench  what a call costs, beside what one would write instead; against docs/bench"
	@echo "make web    the page in the browser, a playground and a console, into build/web"
	@echo "make docs   these pages and the reference as a site, into build/docs; a dead link is an error"
	@echo "make release  the wheel, the packages for mip, the pages and tools/fleet/deploy, into build/release"
	@echo "make lint   ruff, and pyright against each board's stubs"
	@echo "make flash BOARD=rp2040 PORT=/dev/ttyACM0"
	@echo "make tables  renews the tables of keys, and the page of commands, from their sources"
	@echo "make lock   renew the locks after a change of the dependencies"
	@echo "make protos  renew what is generated from the .proto files"
	@echo "make clean  remove what the others have made"

setup: $(VENV)/dev $(NODE_MODULES:=/ready)

INSTALL = $(BIN)/pip install --progress-bar off --require-hashes --requirement $< | \
	sed -n 's/^Collecting \([A-Za-z0-9_.-]*\).*/  \1/p; s/^Installing collected.*/  installing/p'

# What a person with a board needs, and a virtual one.
$(VENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sluice needs Python 3.11 or newer, $(PYTHON) is " + sys.version)'
	@echo "setup: Python packages into $(VENV), once; half a minute or so"
	$(PYTHON) -m venv $(VENV)
	@$(INSTALL)
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/ready
	@echo "setup: what tests, proofs, the fleet and the pages need, too; a minute or two"
	@$(INSTALL)
	@touch $@

%/node_modules/ready: $(VENV)/ready %/package-lock.json
	@echo "setup: $*/node_modules, some seconds"
	@cd $* && npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

build/stubs/%/ready: boards/%/stubs.txt $(VENV)/ready
	$(BIN)/pip install --quiet --upgrade --target build/stubs/$* --require-hashes --requirement $<
	@touch $@

demo: $(VENV)/ready tools/vboard/node_modules/ready
	sluice demo $(LOG)

fleet: setup
	sluice fleet $(if $(OVERRUN),--overrun $(OVERRUN))

test: setup
	pytest --numprocesses auto
	SLUICE_NATIVE=1 pytest --numprocesses auto tests/suite

test-device: setup
	pytest tests/suite tests/device

soak: setup
	sluice simulate --seeds 20000
	pytest --long --verbose tests/whole/test_faults.py tests/whole/test_kills.py tests/device/test_fuzz.py

check: setup
	sluice check
	sluice explore
	sluice simulate --seeds 1400 --seconds $(SIMULATE_S)
	pytest --quiet tests/lab/test_linearizability.py tests/device/test_hot_path_contract.py

bench: setup
	sluice bench --compare docs/bench/results.json

web: setup
	sluice web --out build/web

web-pictures: setup
	pytest tests/publish/test_pictures.py --pictures docs/web

# Zensical wants its configuration above pages and site, and follows no links.
SITE ?= build
docs: setup
	rm -rf $(SITE)/docs $(SITE)/docs-source
	@for page in $(PAGES); do mkdir -p $$(dirname $(SITE)/docs-source/$$page) && \
		cp -r $$page $(SITE)/docs-source/$$page || exit 1; done
	cp docs/zensical.toml $(SITE)
	PYTHONPATH=firmware:. zensical build --strict --clean --config-file $(SITE)/zensical.toml

# The wheel holds what is committed, and what the virtual board and the page run on.
release: docs
	@git diff --quiet HEAD || { echo "make release: commit first; what is not would be left out" >&2; exit 2; }
	rm -rf build/release build/release-source
	mkdir -p build/release build/release-source
	git archive HEAD | tar -x -C build/release-source
	for modules in $(NODE_MODULES); do cp -r $$modules build/release-source/$$modules || exit 1; done
	pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/release build/release-source
	sluice package --out build/release/mip
	sluice web --out build/release/web
	cp -r build/docs build/release/docs
	cp -r tools/fleet/deploy build/release/deploy
	pytest --release build/release tests/publish/test_release.py

lint: setup $(STUBS)
	ruff check
	ruff format --check
	pyright
	@for stubs in $(STUBS:/ready=); do \
		board=$${stubs##*/}; echo "pyright: firmware for $$board"; \
		sed "s/BOARD/$$board/g" boards/pyright.json > build/pyright-$$board.json; \
		pyright --project build/pyright-$$board.json || exit 1; \
	done

flash: $(VENV)/ready
	@test -n "$(PORT)" || { echo "make flash: which port? make flash BOARD=$(BOARD) PORT=/dev/ttyACM0" >&2; exit 2; }
	sluice flash --board $(BOARD) --port $(PORT)

tables: setup
	python -m sluice_tools.publish.tables
	python -m sluice_tools.manual

UV := build/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --python-version 3.11
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet uv
	$(UV) --all-extras pyproject.toml --output-file requirements-dev.txt
	$(UV) --extra vboard pyproject.toml - --constraint requirements-dev.txt --output-file requirements.txt <<<'setuptools>=77'
	for stubs in boards/*/stubs.in; do $(UV) $$stubs --output-file $${stubs%.in}.txt || exit 1; done
	for modules in $(NODE_MODULES); do (cd $${modules%/*} && npm install --package-lock-only --no-audit --no-fund --omit-lockfile-registry-resolved) || exit 1; done

# Compiled under the name that the package is imported by, so that generated imports are right.
PROTOS_INTO ?= build/protos
SERVICES := sluice_tools/fleet/etcd/rpc.proto sluice_tools/fleet/stream/records.proto
PROTOS := sluice_tools/serial/ack.proto $(SERVICES)
protos:
	mkdir -p build/protos
	ln -sfn $(CURDIR)/tools build/protos/sluice_tools
	python -m grpc_tools.protoc -Ibuild/protos \
		--python_out=$(PROTOS_INTO) --pyi_out=$(PROTOS_INTO) $(PROTOS)
	python -m grpc_tools.protoc -Ibuild/protos --grpc_python_out=$(PROTOS_INTO) $(SERVICES)

clean:
	rm -rf build $(VENV) $(NODE_MODULES) .pytest_cache .ruff_cache .hypothesis *.egg-info
