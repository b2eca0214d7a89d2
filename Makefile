.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LIGHT := hello-world imitator smollm2-135m-instruct real-esrgan hibari-tts
HEAVY := rapidocr whisper-base
JOBS ?= $(shell nproc 2>/dev/null | awk '{print ($$1 > 4) ? 4 : $$1}')
KEPT ?= $(or $(MAINSPRING_TEST_ENVIRONMENTS),$(CURDIR)/.test-environments)

help: ## list these recipes
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

setup: $(VENV)/.ready ## make .venv with mainspring in it

$(VENV)/.ready: requirements/platform.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/platform.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.test-ready: requirements/test.lock requirements/replicate2.lock tests/e2e/clients/package-lock.json tests/browser/npm/package-lock.json $(VENV)/.ready
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/test.lock
	test -x .venv-replicate2/bin/python || $(PYTHON) -m venv .venv-replicate2
	.venv-replicate2/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/replicate2.lock
	npm ci --silent --prefix tests/e2e/clients
	npm ci --silent --prefix tests/browser/npm
	touch $@

run: setup ## start the platform with its light models; prints page, API base URL, token, lines to copy
	@echo "The first start builds $(words $(LIGHT)) models in the background, about 270 MB of packages to download;"
	@echo "the others, about 420 MB, come with \`make models\`."
	MAINSPRING_WEBHOOK_HOSTS="$${MAINSPRING_WEBHOOK_HOSTS-localhost}" \
		$(BIN)/mainspring serve $(foreach model,$(LIGHT),--push models/mainspring/$(model))

models: setup ## add the heavy models to the platform that runs (MAINSPRING_TOKEN, or mainspring login)
	$(BIN)/mainspring catalog add --yes $(HEAVY:%=mainspring/%)

test: $(VENV)/.test-ready ## set up, then all tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

test-models: $(VENV)/.test-ready ## the tests that `make test` leaves out: models with heavy environments, several GB
	@echo "Environments are kept in $(KEPT), about 6 GB; the first run downloads about 2 GB and takes half an hour or more."
	MAINSPRING_TEST_MODELS=1 MAINSPRING_TEST_ENVIRONMENTS="$(KEPT)" \
		$(if $(PIP_FIND_LINKS)$(UV_FIND_LINKS),,UV_TORCH_BACKEND=$(or $(UV_TORCH_BACKEND),cpu)) $(BIN)/python -m pytest -m models

screenshots: $(VENV)/.test-ready ## look at the pages with Chromium and write docs/images/*.png
	$(BIN)/python docs/images/screenshots.py

bench: setup ## measure speed and memory against bare coglet, in about three minutes
	$(BIN)/python -m benchmarks

check: $(VENV)/.test-ready ## format, lint, types, floors
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## resolve the locks again
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml requirements/build.in -o requirements/platform.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml requirements/build.in --group test -o requirements/test.lock
	$(BIN)/uv pip compile -q --prerelease allow --universal --generate-hashes --no-header --no-annotate requirements/replicate2.in -o requirements/replicate2.lock

.PHONY: help setup run models test test-models screenshots bench check lock
