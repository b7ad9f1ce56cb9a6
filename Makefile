# Every recipe works in a fresh clone with nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3
TESTS :=
TIMES ?= 20
SINCE ?= origin/main
CLIENT := clients/typescript

.PHONY: demo test coverage soak spark up check commits docs openapi client screenshots recording audit dist lock clean

demo: $(VENV)/.local        ## train a model on the bundled sample sheet, end to end
	$(BIN)/training-pipeline demo

test: $(VENV)/.dev          ## the suite, a file at a time on each of WORKERS processes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

coverage: $(VENV)/.dev      ## the same under branch coverage, subprocesses too, with a floor; htmlcov/index.html has the lines
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet --fail-under 0
	$(BIN)/coverage report

soak: $(VENV)/.soak         ## what the gate has a slice or a relative of, whole; made-up input TIMES as often, other each time
	SOAK_TIMES=$(TIMES) $(BIN)/python -m pytest -n $(WORKERS) --dist load -m soak --timeout 7200

spark: $(VENV)/.spark       ## normal forms, verdicts and datasets of a real Spark against ours; needs Java 17
	$(BIN)/python -m pytest -m spark

up: $(VENV)/.local          ## PostgreSQL, migrations, Dagster webserver and daemon, REST API
	$(BIN)/training-pipeline up

check: $(VENV)/.dev $(VENV)/.docs  ## lint, spelling, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

commits:                    ## what the commits of this branch, which SINCE lacks, say otherwise than CONTRIBUTING.md asks
	$(PYTHON) scripts/check_commits.py $(SINCE)

docs: $(VENV)/.docs         ## build the documentation site into build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

openapi: $(VENV)/.dev       ## write docs/openapi.json from the routes of the REST API
	$(BIN)/python scripts/write_openapi.py

client: $(CLIENT)/node_modules/.installed  ## generate and compile the TypeScript client, from docs/openapi.json; needs Node 20
	cd $(CLIENT) && npm run --silent build

screenshots: $(VENV)/.local $(VENV)/.dev   ## take the pictures in docs/images anew, in Chromium
	$(BIN)/python scripts/take_screenshots.py

recording: $(VENV)/.local $(VENV)/.dev     ## record docs/images/demo.gif anew, in Chromium
	$(BIN)/python scripts/record_demo.py

audit:                      ## known security holes of every locked dependency, and of the oldest allowed; asks pypi.org
	$(PYTHON) -m venv build/tools
	build/tools/bin/pip install --quiet 'pip-audit>=2.10,<3'
	build/tools/bin/python scripts/floors.py > build/floors.txt
	build/tools/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt
	build/tools/bin/pip-audit --strict --no-deps --disable-pip --requirement build/floors.txt

dist: $(VENV)/.local        ## wheel, sdist, and what they stand on (CycloneDX) into dist/
	$(PYTHON) -m venv build/tools
	build/tools/bin/pip install --quiet 'build>=1.3,<2' 'cyclonedx-bom>=7.5,<8'
	build/tools/bin/python -m build --outdir dist .
	build/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-format JSON --output-file dist/training_pipeline.cdx.json $(BIN)/python

lock: $(VENV)/.dev          ## refresh constraints.txt: the newest versions that pyproject.toml allows
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-annotate --all-extras --python-version 3.11 \
		--custom-compile-command "make lock" pyproject.toml -o constraints.txt

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.local: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,dev]'
	touch $@ $(VENV)/.local

$(VENV)/.spark: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,dev,spark]'
	touch $@ $(VENV)/.local $(VENV)/.dev

$(VENV)/.soak: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,dev,delta,iceberg]'
	touch $@ $(VENV)/.local $(VENV)/.dev

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

$(CLIENT)/node_modules/.installed: $(CLIENT)/package.json $(CLIENT)/package-lock.json
	cd $(CLIENT) && npm ci --no-audit --no-fund
	touch $@

clean:                      ## remove the virtual environment and caches; state is kept
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf $(CLIENT)/node_modules $(CLIENT)/src $(CLIENT)/dist
