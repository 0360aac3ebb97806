PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test check docs pictures chaos bench lock clean
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.runtime: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.tests: $(VENV)/.runtime requirements-test.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	touch $@

demo: $(VENV)/.runtime ## the main job on an embedded Kafka and PostgreSQL (ONCE=1: stop after the tables)
	$(BIN)/overgang demo $(if $(ONCE),--once)

test: $(VENV)/.tests ## set everything up and pass all checks and tests
	$(MAKE) -j2 --no-print-directory check pytest

.PHONY: pytest
pytest: $(VENV)/.tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.tests ## ruff, mypy --strict, import-linter, schema compatibility
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.compatibility

docs: $(VENV)/.tests ## write the generated pages anew
	$(BIN)/overgang describe openapi --out docs/openapi.json
	$(BIN)/overgang describe asyncapi --out docs/asyncapi.json
	$(BIN)/python -m connectors.rules_page
	$(BIN)/python -m connectors.metrics_page
	$(BIN)/python -m connectors.dashboards.writing

pictures: $(VENV)/.tests ## draw the dashboards of a run of six minutes into docs/pictures (needs prometheus)
	$(BIN)/python -m tests.pictures

chaos: $(VENV)/.tests ## workers, brokers, database killed at random in 5,000 messages (SEED=7: at other moments)
	SEED=$(SEED) $(BIN)/python -m pytest -m chaos -s

bench: $(VENV)/.tests ## throughput and latency on a real Kafka and PostgreSQL; deciding, comparing, seals, scrapes, posting
	$(BIN)/python -m bench.hop
	$(BIN)/python -m bench.decide
	$(BIN)/python -m bench.whatif --people 5000
	$(BIN)/python -m bench.seal
	$(BIN)/python -m bench.scrape
	$(BIN)/python -m bench.ingest
	$(BIN)/python -m bench.bodies
	$(BIN)/python -m bench.traces

lock: $(VENV)/.tests ## write the lock files anew from pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --extra build --extra test pyproject.toml -c requirements.lock -o requirements-test.lock
	$(BIN)/python -m connectors.embedded.lock_jars

clean: ## delete the virtual environment and this project's data directory
	rm -rf $(VENV) .overgang
