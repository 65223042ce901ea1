# SPDX-License-Identifier: Apache-2.0
# make demo and make test set everything up first: virtual environment, cross compilers, emulators.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TFLM := .venv-tflm
TOOLS := .venv-tools
WORKERS ?= 2

PACKAGES := gcc g++ libc6-dev gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-riscv64-unknown-elf \
            clang-19 libclang-rt-19-dev qemu-system-arm qemu-system-misc python3-venv
# For the tests of reports, libraries and flashing; they are deselected, with the reason, where one is missing.
OPTIONAL := chromium arduino-builder openocd gdb-multiarch
PROGRAMS := gcc g++ arm-none-eabi-gcc riscv64-unknown-elf-gcc clang-19 qemu-system-arm qemu-system-riscv32

export INTARSIA_TFLITE_RUNTIME_PYTHON ?= $(CURDIR)/$(TFLM)/bin/python

.PHONY: help demo test quick lint format bench setup tools clean

help:
	@echo "make demo    set up, then profile the network of this repository on emulated boards"
	@echo "make test    set up, then run all tests"
	@echo "make quick   unit tests only (after setup)"
	@echo "make lint    ruff, mypy, clang-format; all C: compiler warnings, clang-tidy, cppcheck, MISRA"
	@echo "make bench   measured tables of the README"

setup: tools $(VENV)/.ready $(TFLM)/.ready $(TOOLS)/.ready

tools:
	@tools/install_packages.sh "$(PROGRAMS)" "$(PACKAGES)" "$(OPTIONAL)"

$(VENV)/.ready: pyproject.toml | tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

# The interpreter of rule `tflm` has wheels for Python 3.11 only; without it, its tests are deselected and say so.
$(TFLM)/.ready: $(VENV)/.ready
	tools/install_tflite_runtime.sh $(TFLM) $(BIN)/python
	mkdir -p $(TFLM) && touch $@

# Programs of others that the tests talk to. labgrid brings a pyserial of its own, hence not in the same environment.
$(TOOLS)/.ready: tools/tool_requirements.txt | tools
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --requirement $<
	touch $@

demo: setup
	examples/digits96/demo.sh $(BIN)/intarsia

test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope

quick: setup
	$(BIN)/python -m pytest -n $(WORKERS) tests/unit tests/property

lint: setup
	$(BIN)/ruff check sdk codegen tests examples tools
	$(BIN)/ruff format --check sdk codegen tests examples tools
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	$(BIN)/python tools/lint_c

format: setup
	$(BIN)/ruff check --fix sdk codegen tests examples tools
	$(BIN)/ruff format sdk codegen tests examples tools
	$(BIN)/clang-format -i $$(git ls-files '*.c' '*.h')

bench: setup
	$(BIN)/intarsia bench models

clean:
	rm -rf $(VENV) $(TFLM) $(TOOLS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
