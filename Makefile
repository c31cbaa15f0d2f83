# make run            starts the console with demo data on http://localhost:8000
# make example        starts the console, and an example API behind nginx
# make test           runs every check and every test
# make fuzz           sends odd input to both APIs and to every parser
# make bench          measures both APIs, and writes the figures into docs/reference/performance.md
# make bench-pages    measures the pages, and writes the figures into docs/reference/performance.md
# make test-failover  kills the database under load, and writes the result into docs/how-to/scale.md
# make audit          compares the locked versions with published vulnerabilities
# make sbom           writes a software bill of materials to sbom.json
# make lock           renews requirements*.txt after a change to requirements*.in
#
# docs/reference/commands.md describes every target and its options.

.DEFAULT_GOAL := run
.PHONY: run example test fuzz test-failover bench bench-pages audit sbom install install-dev collectstatic \
	lock clean
.DELETE_ON_ERROR:

PORT ?= 8000
export PORT
python := .venv/bin/python

# The list includes directories, because removing a file changes only its directory.
static_sources := $(shell find static core accounts credentials console -path '*static*' 2>/dev/null)

run: install
	@$(python) -m console.demo_env
	@$(MAKE) --silent collectstatic
	@$(python) manage.py migrate --verbosity 0
	@$(python) manage.py seed_demo --if-empty
	@exec bin/serve --host 127.0.0.1

example: install-dev
	@exec $(python) -m examples.orders.run

test: install-dev
	@$(python) -m tests.stages $(STAGES)

fuzz: install-dev
	@FUZZ_WRITE=1 TEST_DATABASE=postgresql $(python) -m pytest --quiet \
		--override-ini=python_files='fuzz_*.py' --override-ini=python_functions='fuzz_*' tests/fuzz

bench: install-dev
	@$(python) -m benchmarks.apis --write $(if $(GROWTH),--growth)

test-failover: install-dev
	@FAILOVER_SECONDS=15 FAILOVER_ROUNDS=3 FAILOVER_WRITE=1 TEST_DATABASE=postgresql \
		$(python) -m pytest --quiet tests/scale/test_failover.py

bench-pages: install-dev
	@$(python) -m benchmarks.pages --write

# With --strict, versions about which the index knows nothing fail too.
audit:
	@VENV=.venv-audit bin/install requirements-audit.txt
	@.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		$(addprefix --requirement ,$(wildcard requirements*.txt))

SBOM ?= sbom.json
sbom: install-dev
	@.venv/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml \
		--output-reproducible --no-validate --output-file $(SBOM)
	@echo "Wrote $(SBOM)"

install:
	@bin/install requirements.txt

install-dev:
	@bin/install requirements-dev.txt

# Packages bring static files too, so a change to the lock file collects them again.
collectstatic: staticfiles/staticfiles.json

staticfiles/staticfiles.json: requirements.txt console/settings.py $(static_sources)
	@echo "Collecting static files"
	@$(python) manage.py collectstatic --noinput --verbosity 0
	@touch $@

# Lock files name no package index. They keep their versions unless you set UPGRADE=--upgrade.
lock := $(python) -m uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-header $(UPGRADE)
lock: install-dev
	@$(lock) requirements.in --output-file requirements.txt
	@$(lock) requirements-dev.in --output-file requirements-dev.txt
	@$(lock) requirements-audit.in --output-file requirements-audit.txt

# Keeps the demo's data and secrets (data/, .env).
clean:
	rm -rf .venv .venv-audit sbom.json staticfiles .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results
