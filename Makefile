# `make` prints what there is to make. Needs make and Python 3.11 to 3.14 with pip; everything else is installed from here.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# With compiled modules kept, a process starts in half of the time; some machines tell Python not to keep them.
unexport PYTHONDONTWRITEBYTECODE
# Tests that share nothing run in as many processes as the machine has processors; in one beside the tests on a platform.
TEST_PROCESSES ?= $(shell getconf _NPROCESSORS_ONLN)
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# Two targets at once. Each line names its target and appears when it is whole, so a run that is cut off shows how far it came.
LABELLED = $(MAKE) --no-print-directory TEST_PROCESSES=1 $(1) 2>&1 | sed -u 's/^/$(1) | /'
BESIDE = ( $(call LABELLED,$(1)) ) & first=$$!; $(call LABELLED,$(2)); second=$$?; wait $$first && exit $$second
NO_PACKAGES := { echo "packages could not be installed: check the network access to PyPI, and run make again"; exit 1; }
LOCK := uv pip compile --universal --generate-hashes --no-annotate --quiet pyproject.toml

help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: install ## from nothing to flights in every store: start, send 20,000 events, process, count
	$(BIN)/flights demo

test: lint-code ## lint, types, unit tests, and on a platform the pipeline, a page, an archive and kills (15 minutes from nothing)
	$(call BESIDE,test-platform,test-unit)

test-unit: install-dev ## the tests that need no service (3 minutes)
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal -m "not integration and not slow"

test-platform: install-dev ## the tests on a running platform that are part of `make test` (9 minutes)
	$(BIN)/pytest -m "integration and not slow"

test-slow: lint-airflow ## every other test: with `make test` it is the whole suite (about 50 minutes)
	$(call BESIDE,test-slow-platform,test-slow-alone)

test-slow-platform: install-dev
	$(BIN)/pytest -m "slow and integration"

test-slow-alone: install-dev
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal -m "slow and not integration"

cluster-test: install-dev ## the same pipeline on a cluster of processes, with one of each killed (needs 12 GB, a JDK and PostgreSQL, so not in test)
	FLIGHTS_PROFILE=cluster $(BIN)/pytest -s -W ignore::pytest.PytestUnraisableExceptionWarning flight_assets_tests/cluster

proxy-test: install-dev ## sign-in and roles of the reverse proxy, before a platform of its own (needs Debian's nginx-light, so not in test)
	FLIGHTS_TEST_PROXY=1 $(BIN)/pytest -s flight_assets_tests/deploy/test_proxy.py

secure-test: install-dev ## the same pipeline with users, passwords and TLS, and what each door refuses (needs openssl and redis-server, so not in test)
	FLIGHTS_SECURED=true $(BIN)/pytest -s -W ignore::pytest.PytestUnraisableExceptionWarning flight_assets_tests/secure

# The version that upgrade-test starts from: the last one that was handed out before this one.
UPGRADE_FROM ?= fbb9da4
upgrade-test: install-dev ## data of an older version (UPGRADE_FROM=COMMIT for another) opens in this one (needs the history in git, so not in test)
	FLIGHTS_TEST_UPGRADE_FROM=$(UPGRADE_FROM) $(BIN)/pytest -s flight_assets_tests/upgrade

compose-test: install-dev ## the stack of docker-compose.yml in Podman, with stand-ins for the server images (needs root, podman, debootstrap, npm and 12 GB, so not in test)
	flight_assets_tests/deploy/images/build.sh build/images compose-test
	FLIGHTS_TEST_COMPOSE=1 $(BIN)/pytest -s flight_assets_tests/deploy/test_containers.py

wheel-test: install-dev ## the built wheel, installed into an empty environment, starts the platform (needs minutes for a start of its own, so not in test)
	FLIGHTS_TEST_WHEEL=1 $(BIN)/pytest -s flight_assets_tests/deploy/test_wheel.py

# A Debian release whose Python differs from this machine's, in a root of its own. The folder keeps its environment for the next run.
PLATFORM ?= trixie
platforms-test: ## the unit tests and the demo on Debian 13's Python 3.13 (needs root and debootstrap, so not in test)
	flight_assets_tests/deploy/platforms.sh $(PLATFORM)

faults: install-dev ## kill services and runs 200 times, seeded, and verify every store (hours; KILLS=20 SEED=2 for less or other)
	$(BIN)/python -m flight_assets_tests.faults --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

fuzz: install-dev ## send messages of every kind to a running platform and kill things now and then (MINUTES=30 SEED=1 by default)
	$(BIN)/python -m flight_assets_tests.fuzz --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1)

fuzz-checks: install-dev ## check messages of every kind in one process, without a platform (MINUTES=5 SEED=1 by default)
	$(BIN)/python -m flight_assets_tests.fuzz.checks --minutes $(or $(MINUTES),5) --seed $(or $(SEED),1)

agree: install-dev ## compare every store with a plain model of flights, with events in any order and batches (ROUNDS=20 by default)
	FLIGHTS_TEST_ROUNDS=$(or $(ROUNDS),20) FLIGHTS_TEST_EXAMPLES=5000 $(BIN)/pytest flight_assets_tests/integration/test_stores_agree.py flight_assets_tests/unit/test_flight_model.py

layouts: install-dev ## write the flights of FOLDER (Parquet, columns of Data Expo 2009) in each layout, load them dry, and compare every row
	$(BIN)/python -m flight_assets_tests.layouts $(FOLDER)

lint: lint-code lint-airflow ## style and types, without editing anything

lint-code: install-dev ## the same without Airflow's DAGs, whose types need Airflow's environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-airflow: install-dev install-airflow ## types of Airflow's DAGs
	MYPYPATH=deploy/airflow/dags $(BIN)/mypy --python-executable .venv-airflow/bin/python --cache-dir .mypy_cache/airflow --follow-imports=silent deploy/airflow/dags

check: lint sbom audit ## style, types, static security checks, a bill of materials, known vulnerabilities

audit: install-security ## known vulnerabilities of locked packages and jars, which must have been asked for, and the reviews of servers, which must be recent
	@failed=0; .venv-security/bin/python deploy/security/audit.py requirements.lock requirements-dev.lock $(wildcard deploy/*/*.lock) || failed=1; \
	.venv-security/bin/python deploy/security/audit_servers.py flight_assets/platform/jars.lock flight_assets_tests/cluster/zookeeper.lock || failed=1; \
	exit $$failed

sbom: install-security ## build/sbom.cdx.json: what the platform consists of, Python packages and jars, in CycloneDX
	@mkdir -p build
	.venv-security/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --output-file build/sbom.cdx.json
	PYTHONPATH=. .venv-security/bin/python deploy/security/sbom.py build/sbom.cdx.json

.PHONY: docs
docs: install ## write docs/reference from the contracts, settings, metrics, alert rules and commands
	$(BIN)/python -m flight_assets.docgen

kubernetes: install ## write deploy/kubernetes/base from the table of services and the Compose file
	$(BIN)/python -m flight_assets.platform.kubernetes

lint-kubernetes: install-dev ## validate deploy/kubernetes against the schemas of Kubernetes
	$(BIN)/kubernetes-validate --strict $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/base/*.yaml))

format: install-dev ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: .venv/installed ## the environment with what the platform needs

install-dev: .venv/installed-dev ## the environment with what developing needs as well

install-airflow: .venv-airflow/installed ## an environment of its own for Airflow, which runs deploy/airflow/dags

install-security: .venv-security/installed ## an environment of its own for the tools that `make check` asks

lock: install-dev ## pin every Python package and jar anew, with hashes
	$(BIN)/$(LOCK) --output-file requirements.lock
	$(BIN)/$(LOCK) --group dev --output-file requirements-dev.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --quiet deploy/airflow/requirements.in --output-file deploy/airflow/requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --quiet deploy/security/requirements.in --output-file deploy/security/requirements.lock
	$(BIN)/python -m flight_assets.platform.jars
	$(BIN)/python -m flight_assets_tests.cluster.zookeeper
	$(BIN)/python -m flight_assets.platform.licences

clean: ## remove the environments; data stays (see `flights reset`)
	rm -rf .venv .venv-airflow .venv-security

# uv installs from the lock in a fifth of pip's time. It is itself pinned by hash: its lines are cut out of the development lock.
.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 14) else "Python 3.11 to 3.14 is needed, this is " + sys.version.split()[0] + ": set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement .venv/uv.lock || $(NO_PACKAGES)

.venv/installed: requirements.lock pyproject.toml | .venv/bin/uv
	@echo "installing the packages of requirements.lock"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --requirement requirements.lock || $(NO_PACKAGES)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "installing the packages of requirements-dev.lock"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --requirement requirements-dev.lock || $(NO_PACKAGES)
	@touch $@

.venv-airflow/installed: deploy/airflow/requirements.lock | .venv/bin/uv
	@echo "installing the packages of deploy/airflow/requirements.lock"
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-airflow
	@$(BIN)/uv pip install --quiet --python .venv-airflow/bin/python --require-hashes --no-deps --requirement deploy/airflow/requirements.lock || $(NO_PACKAGES)
	@touch $@

.venv-security/installed: deploy/security/requirements.lock | .venv/bin/uv
	@echo "installing the packages of deploy/security/requirements.lock"
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-security
	@$(BIN)/uv pip install --quiet --python .venv-security/bin/python --require-hashes --no-deps --requirement deploy/security/requirements.lock || $(NO_PACKAGES)
	@touch $@

.PHONY: help demo test test-unit test-platform test-slow test-slow-platform test-slow-alone cluster-test secure-test proxy-test upgrade-test compose-test wheel-test platforms-test faults fuzz fuzz-checks agree layouts lint lint-code lint-airflow lint-kubernetes kubernetes check audit sbom format install install-dev install-airflow install-security lock clean
