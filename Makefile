PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# The CPU build where an index offers it; any build in the range of pyproject.toml serves.
TORCH  ?= torch==2.13.0

.PHONY: demo test check bench clean

demo: $(VENV)/.runtime
	$(BIN)/facesdk demo --out out

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/facesdk/test_bare_import.py

bench: $(VENV)/.dev
	$(BIN)/python -m bench pipelines

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[cpu]"
	touch $@

# torch by its pin first: a plain dependency would fetch several gigabytes of CUDA packages on a machine without a GPU.
$(VENV)/.dev: $(VENV)/.runtime pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[cpu,export,train,bench,dev]"
	touch $@

clean:
	rm -rf $(VENV) out
