# Everything a person types. `make` alone lists it. Works with GNU make 3.81 and newer.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STATIC := src/portico/api/static/index.html
WEB_SOURCES := $(shell find web/src web/public -type f 2>/dev/null) \
	$(wildcard web/index.html web/package.json web/tsconfig.json web/vite.config.ts)
# ONCE=1 shows the tour and ends; WEB=0 does without the web client.
ONCE ?=
WEB ?= 1
# COMPILED=0 runs the gateway as plain Python, which needs no C compiler.
COMPILED ?= 1

ifeq ($(WEB),0)
WEB_CLIENT :=
else
WEB_CLIENT := $(STATIC)
endif

export PORTICO_PORT
export PORTICO_DATA_DIR
ifeq ($(strip $(PORTICO_PORT)),)
unexport PORTICO_PORT
endif
ifeq ($(strip $(PORTICO_DATA_DIR)),)
unexport PORTICO_DATA_DIR
endif

.PHONY: help run test check bench generate lock clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make run takes ONCE=1 (show and end), WEB=0 (no web client), PORTICO_PORT=..., PORTICO_DATA_DIR=..."
	@echo "  make run, test and bench take COMPILED=0 (the gateway as plain Python)"

run: $(VENV)/.runtime $(WEB_CLIENT) ## Start Portico with two sample services and show real calls
	@COMPILED=$(COMPILED) scripts/compile.sh
	@exec $(BIN)/portico up $(if $(filter-out 0,$(ONCE)),--once)

test: $(VENV)/.dev ## Run every test, on SQLite and PostgreSQL
	@COMPILED=$(COMPILED) scripts/compile.sh
	@MAKE=$(MAKE) scripts/test.sh

check: $(VENV)/.dev web/node_modules/.installed ## Formatting, lint, types, import contracts, generated files
	@scripts/check.sh

bench: $(VENV)/.dev $(WEB_CLIENT) ## Measure what a call through Portico costs
	@COMPILED=$(COMPILED) scripts/compile.sh
	@benchmarks/run.sh

generate: $(VENV)/.dev web/node_modules/.installed ## Write again what is made from the code: reference pages, API document, API types
	@$(BIN)/python -m scripts.generated --write
	@scripts/web.sh generate

lock: $(VENV)/.dev ## Resolve the dependencies again into the lock files
	@scripts/lock.sh

clean: ## Remove what was built; your data folder stays
	rm -rf $(VENV) web/node_modules src/portico/api/static dist build test-artefacts
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests scripts examples migrations -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps hold what was installed, so a second run has nothing to do. The development lock contains the runtime one.
$(VENV)/.runtime: requirements.lock scripts/venv.sh
	@scripts/venv.sh $(VENV) requirements.lock .runtime

$(VENV)/.dev: requirements-dev.lock scripts/venv.sh
	@scripts/venv.sh $(VENV) requirements-dev.lock .dev .runtime

web/node_modules/.installed: web/package-lock.json
	@scripts/web.sh install

$(STATIC): web/node_modules/.installed $(WEB_SOURCES)
	@scripts/web.sh build
