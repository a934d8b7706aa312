# Two commands for a newcomer: `make demo` and `make test`.
# Both make .venv and install into it what is missing.

# The first Python of these that is 3.11 or 3.12; override with PYTHON=...
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
	2>/dev/null && echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
export TF_CPP_MIN_LOG_LEVEL ?= 3

# What breaks first when the heart changes.
CORE := tests/rooms_test.py tests/heads_test.py tests/config tests/utils \
	tests/blending/ogr_test.py tests/blending/estimators/estimator_test.py \
	tests/blending/super_epochs_test.py tests/blending/input_checks_test.py \
	tests/blending/model_test.py tests/callbacks/gradient_blending_test.py \
	tests/data/holdout_test.py tests/data/training_set_test.py \
	tests/data/datasets_test.py tests/blending/loss_changes_test.py \
	tests/fusion/network_test.py tests/methods/registry_test.py

.PHONY: demo check test test-large lint docs bench wheel clean

$(VENV)/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or 3.12 is needed; set PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable ".[dev]"
	touch $@

$(VENV)/docs-installed: $(VENV)/installed
	$(RUN) -m pip install --quiet --editable ".[docs]"
	touch $@

# Embedded data: every modality alone, joint training, G-Blend by a probe.
demo: $(VENV)/installed
	$(VENV)/bin/gblend compare --recipe=digits --seeds=1 --methods=modalities,joint,probe --workdir=runs/demo

lint: $(VENV)/installed
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

# In two minutes: before each commit.
check: lint
	$(RUN) -m pytest --quiet -n 2 --dist loadfile $(CORE) -m "not large"

test: lint
	$(RUN) -m pytest --quiet --doctest-modules gblend_keras/blending/ogr.py
	$(RUN) -m pytest -n 2 --dist loadfile tests -m "not large"

test-large: $(VENV)/docs-installed
	$(RUN) -m pytest tests -m large


# Needs a network the first time, to install MkDocs; the site itself none.
docs: $(VENV)/docs-installed
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

bench: $(VENV)/installed
	$(VENV)/bin/gblend benchmark

wheel: $(VENV)/installed
	$(RUN) -m build --wheel

clean:
	rm -rf build dist *.egg-info gblend_keras.egg-info .pytest_cache .mypy_cache .ruff_cache
