# make demo   install, train Mask R-CNN with CrossFormer-T on the embedded digits, test and draw (12 to 15 minutes)
# make test   install, run the tests without repetitions (8 to 10 minutes on two cores)
# make test-all   install, run all tests, with repetitions on more kills, sizes and configs; test-rest: only these
# make test-original   install the original host libraries beside it (6 GB), run the tests that depend on host libraries
# make test-torch24   the same with torch 2.4, and the models (6 GB); not in .ci/run
# make lint   install, check style and types
# make docs   install, build the documentation in site/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORIGINAL := .venv-original
TORCH24 := .venv-torch24
XDIST := -n auto --dist worksteal
# The files with such tests; others import what only `dev` installs.
HOST_TESTS = $$(grep -rl --include='test_*.py' 'mark\.hosts' tests)
MODEL_TESTS := $(addprefix tests/models/test_,golden.py oracle.py any_input.py crossformer.py cat.py scopes.py)
PYTEST := $(BIN)/python -m pytest $(XDIST)
DEMO := work_dirs/demo
CONFIG := configs/mask_rcnn_crossformer_t_digits.py

.PHONY: demo test test-all test-rest test-original test-torch24 lint docs

demo: $(VENV)/installed
	$(BIN)/mmcrossformer train $(CONFIG) --work-dir $(DEMO) --seed 0
	$(BIN)/mmcrossformer test $(CONFIG) $$(cat $(DEMO)/last_checkpoint) --work-dir $(DEMO) --show-dir $(DEMO)/pictures
	@echo "Report, metrics, curves and pictures: $(DEMO)/report.html, metrics.json, curves.png, pictures"

test: $(VENV)/installed
	$(PYTEST) -m 'not repetition'

test-rest: $(VENV)/installed
	$(PYTEST) -m repetition

test-all: $(VENV)/installed
	$(PYTEST)

test-original: $(ORIGINAL)/installed
	$(ORIGINAL)/bin/python -m pytest $(XDIST) -m 'hosts and not repetition' $(HOST_TESTS)

test-torch24: $(TORCH24)/installed
	$(TORCH24)/bin/python -m pytest $(XDIST) -m 'hosts and not repetition' $(HOST_TESTS)
	$(TORCH24)/bin/python -m pytest $(XDIST) -m 'not repetition' $(MODEL_TESTS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -c docs -d build/doctrees . site

$(VENV)/installed: EXTRAS := mm,dev
$(VENV)/installed: CONSTRAINTS := constraints.txt
$(ORIGINAL)/installed: EXTRAS := mm-original,timm,faster-coco-eval,test
$(ORIGINAL)/installed: CONSTRAINTS := constraints-original.txt
$(TORCH24)/installed: EXTRAS := mm-original,timm,faster-coco-eval,test
$(TORCH24)/installed: CONSTRAINTS := constraints-torch24.txt

$(VENV)/installed $(ORIGINAL)/installed $(TORCH24)/installed: %/installed: pyproject.toml $(wildcard constraints*.txt)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and f"mmcrossformer needs Python >= 3.10, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.11")'
	test -x $*/bin/python || $(PYTHON) -m venv $*
	$*/bin/python -m pip install --upgrade pip
	$*/bin/python -m pip install -c $(CONSTRAINTS) -e '.[$(EXTRAS)]'
	touch $@
