# The only set-up a new user needs is `make run`.
PYTHON := $(or $(PYTHON),$(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name) 2>/dev/null))))
VENV := .venv/bin/python
export PORT STATE_DIR

.PHONY: help run test bench test-faults interop advisories install format lock pcare-off pcare-on

help: ## what can be done here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /  /'

run: ## install, start everything, print SIAP and the address
	@$(PYTHON) tools/bootstrap.py run

test: ## every check that CI runs
	@$(PYTHON) tools/bootstrap.py test

bench: ## measure against limits of this machine, about a quarter of an hour (NAMES="confirm pages" for some)
	@$(PYTHON) tools/bootstrap.py bench $(NAMES)

test-faults: install ## kill, freeze and cut everything under booking load, in full size (CI runs the same, smaller)
	@FAULTS=full REQUIRE_ALL=1 $(VENV) -m pytest -q -n 0 --durations=12 tests/faults tests/pcare_bridge/test_storms.py tests/certificates/test_hostile.py

interop: install ## software of other makers against the PCare simulator and our certificates, in an environment of its own
	@.venv/bin/uv venv --quiet --clear --python $(VENV) .venv-interop
	@.venv/bin/uv pip install --quiet --python .venv-interop/bin/python --no-deps --require-hashes -r requirements/interop.lock
	@mkdir .venv-interop/npm && cp tests/interop/package.json tests/interop/package-lock.json tests/interop/.npmrc .venv-interop/npm
	@if command -v npm >/dev/null; then cd .venv-interop/npm && npm ci --silent --ignore-scripts; else echo "npm tidak ada: pembaca npm dilewati"; fi
	@$(VENV) -m pytest -q -n 0 tests/pcare_bridge/test_independent_client.py tests/certificates/test_second_opinions.py

advisories: install ## known holes in the locked packages; asks the advisory service, a package it cannot tell of is a failure
	@.venv/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements/runtime.lock

install: ## the development environment in .venv
	@$(PYTHON) tools/bootstrap.py install

format: ## put the code into the common shape
	@$(VENV) tools/proxy_pages.py ; .venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format . ; git ls-files '*.html' | xargs .venv/bin/djade --target-version 5.2

lock: ## resolve requirements/*.in anew
	@$(VENV) tools/lock.py

pcare-off: ## stop the PCare simulator of a running trial
	@$(VENV) -m victori.launcher off pcare

pcare-on: ## start it again
	@$(VENV) -m victori.launcher on pcare
