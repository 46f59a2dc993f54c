PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Requirement and options for pip; any build in the range of pyproject.toml serves.
TORCH  ?= torch==2.13.0

.PHONY: demo test check bench clean

demo: $(VENV)/.runtime
	$(BIN)/facesdk demo --out out

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/python -m pytest tests/facesdk/test_bare_import.py tests/facesdk/pack/test_signature.py tests/test_house.py

bench: $(VENV)/.dev
	$(BIN)/python -m bench pipelines

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

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
