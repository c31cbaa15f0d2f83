# make run    the console with demo data on http://localhost:8000 (PORT=8123 make run moves it)
# make test   every check and every test; make test STAGES="ruff unit" runs a choice
# make bench  measures the Auth API and the REST API beside a floor and peers into docs/reference/performance.md
#             (five minutes; GROWTH=1 make bench also with a million credentials, seven)
# make test-failover   kills the primary database under load, several times, and writes what
#                      happened into docs/how-to/scale.md (two minutes)
# make bench-pages   measures pages with a large organization into docs/reference/performance.md (six minutes)
# make lock   renews requirements*.txt after a change to requirements*.in

.DEFAULT_GOAL := run
.PHONY: run test test-failover bench bench-pages install install-dev collectstatic lock clean
.DELETE_ON_ERROR:

PORT ?= 8000
export PORT
python := .venv/bin/python

# Directories are listed as well: removing a file changes only its directory.
static_sources := $(shell find static core accounts credentials console -path '*static*' 2>/dev/null)

run: install
	@$(python) -m console.demo_env
	@$(MAKE) --silent collectstatic
	@$(python) manage.py migrate --verbosity 0
	@$(python) manage.py seed_demo --if-empty
	@exec bin/serve --host 127.0.0.1

test: install-dev
	@$(python) -m tests.stages $(STAGES)

bench: install-dev
	@$(python) -m benchmarks.apis --write $(if $(GROWTH),--growth)

test-failover: install-dev
	@FAILOVER_SECONDS=15 FAILOVER_ROUNDS=3 FAILOVER_WRITE=1 TEST_DATABASE=postgresql \
		$(python) -m pytest --quiet tests/scale/test_failover.py

bench-pages: install-dev
	@$(python) -m benchmarks.pages --write

install:
	@bin/install requirements.txt

install-dev:
	@bin/install requirements-dev.txt

# The packages bring static files too, so a change of the lock file collects them again.
collectstatic: staticfiles/staticfiles.json

staticfiles/staticfiles.json: requirements.txt console/settings.py $(static_sources)
	@echo "Collecting static files"
	@$(python) manage.py collectstatic --noinput --verbosity 0
	@touch $@

# Lock files name no package index, and keep the versions they have unless UPGRADE=--upgrade is given.
lock := $(python) -m uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-header $(UPGRADE)
lock: install-dev
	@$(lock) requirements.in --output-file requirements.txt
	@$(lock) requirements-dev.in --output-file requirements-dev.txt

# The demo's data and secrets (data/, .env) are kept.
clean:
	rm -rf .venv staticfiles .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results
