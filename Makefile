# Everything a user or CI calls. `make setup` is a dependency of the rest and needs Python 3.11, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup
setup: $(VENV)/ready tools/vboard/node_modules/ready

$(VENV)/ready: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else "sluice needs Python 3.11 or newer, this is %d.%d" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

tools/vboard/node_modules/ready: $(VENV)/ready tools/vboard/package-lock.json
	cd tools/vboard && npm ci --silent --no-audit --no-fund
	touch $@
