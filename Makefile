# Every target does its own set-up: a bare Python 3.11 with pip, and make, are enough.

PYTHON ?= python3.11
BIN := .venv/bin
# The set-up is done again when one of these changes, or when the checkout has moved (a venv holds absolute paths).
STAMP := .venv/ready-$(shell { cat requirements.lock pyproject.toml; echo '$(CURDIR)'; } | cksum | tr -c '0-9\n' '-')
LOCK := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11

# Without compiled bytecode every start takes three times as long.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup run test lint format bench soak agentdojo lock docs image-check images screenshots clean

help: ## Show the targets.
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /: /'

setup: $(STAMP) ## Create .venv from requirements.lock and install Staffwork into it.

$(STAMP):
	@echo "Setting up .venv (once; a few minutes on a slow line)..."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q core memory tools agents graphs api chat
	@rm -f .venv/ready-*
	@touch $@

run: setup ## Start the server; ARGS="--port 9000" is passed on.
	@exec $(BIN)/staffwork serve $(ARGS)

test: setup ## Run the tests; ARGS="-k budget" is passed on.
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## Check style, format and types.
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: setup ## Put the code into the one format.
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

bench: setup ## Run the benchmarks; results are printed and written to bench/results/.
	@$(BIN)/python -m bench $(ARGS)

soak: setup ## Kill processes under hundreds of missions and count what came of it (many minutes); ARGS="sqlite" is passed on.
	@$(BIN)/python -m bench.soak $(ARGS)

agentdojo: setup .venv-agentdojo/ready ## Play AgentDojo's tasks and attacks through the gate (some minutes); ARGS="banking" takes one suite.
	@$(BIN)/python -m bench.agentdojo $(ARGS)

# Beside, in a folder of its own: it brings many packages, and nothing of the product may need it.
.venv-agentdojo/ready: bench/agentdojo/requirements.lock
	@echo "Installing AgentDojo into .venv-agentdojo (once)..."
	@rm -rf .venv-agentdojo
	$(BIN)/python -m pip install -qq --no-warn-conflicts --require-hashes --target .venv-agentdojo -r bench/agentdojo/requirements.lock
	@touch $@

lock: ## Pin every dependency again (needs uv); requirements.image.lock is the same without the developers' tools.
	$(LOCK) --extra dev --output-file requirements.lock pyproject.toml
	$(LOCK) --output-file bench/agentdojo/requirements.lock bench/agentdojo/requirements.in
	printf 'setuptools>=80\n' | $(LOCK) --constraints requirements.lock --output-file requirements.image.lock pyproject.toml -

docs: setup ## Write docs/settings.md, docs/events.md, docs/events.schema.json and .env.example from the code.
	@$(BIN)/python docs/generate.py

image-check: ## Run what the Dockerfile runs in a fresh venv, then start the server once and ask for its health.
	@$(PYTHON) tests/image_check.py

screenshots: ## Take the pictures under docs/images anew, and draw the icons (wants Chromium).
	.venv/bin/python docs/icons.py
	.venv/bin/python docs/screenshots.py

images: ## Build the container image (needs a Docker engine).
	docker build --tag staffwork:$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) .

clean: ## Remove what the targets made; your data folder stays.
	rm -rf .venv .venv-agentdojo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache bench/results
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +
