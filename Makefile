PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Requirement and options for pip; any build in the range of pyproject.toml serves.
TORCH  ?= torch==2.13.0

# A file of pinned packages with their hashes, for CI: make check LOCK=supply/ci.lock
LOCK   ?=

.PHONY: demo test test-offline check bench sbom clean

demo: $(VENV)/.runtime
	$(BIN)/facesdk demo --out out

test: $(VENV)/.dev
	$(BIN)/python -m pytest

# In a network namespace of its own that holds nothing but loopback: Linux, util-linux and iproute2.
test-offline: $(VENV)/.dev
	unshare --map-root-user --net sh -c 'ip link set lo up && exec $(BIN)/python -m pytest'

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/python -m pytest tests/facesdk/test_bare_import.py tests/facesdk/pack/test_signature.py \
		tests/test_house.py tests/test_supply.py tests/test_forbidden_formats.py

bench: $(VENV)/.dev
	$(BIN)/python -m bench pipelines

sbom: $(VENV)/.dev
	$(BIN)/python -m supply.sbom out/sbom.json

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(if $(LOCK),$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK) \
		|| { rm -rf $(VENV); exit 1; })

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[cpu]"
	touch $@

# The native module is built by pip; it is built again when its sources change.
$(VENV)/.runtime: setup.py $(wildcard cpp_ext/*.cpp cpp_ext/*/*)

# torch first, so that TORCH can choose its build.
$(VENV)/.dev: $(VENV)/.runtime pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench,dev]"
	touch $@

clean:
	rm -rf $(VENV) out
