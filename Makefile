# The two commands: `make demo` and `make test`. Everything else is a part of them or a longer campaign; `make help` lists all.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
RELEASE := build/release
BINARY := $(RELEASE)/faqsmith
PREFIX ?= /usr/local
STARTED := $(shell date +%s)

.PHONY: help demo test build install lint format parity bench results crash fuzz seven-b clean deps test-deps model

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 12

deps:
	@tools/install_deps.sh
test-deps:
	@tools/install_deps.sh test

build: deps ## build/release/faqsmith
	@cmake --preset release >build-configure.log || { cat build-configure.log; exit 1; }; rm -f build-configure.log
	@cmake --build $(RELEASE) -j $(JOBS) --target faqsmith

install: build ## the binary into $(PREFIX)/bin
	cmake --install $(RELEASE) --prefix $(PREFIX)

model: build ## fetch the embedded default model into the cache
	@$(BINARY) models pull

demo: build ## documents in, a measured FAQ bot out: the Debian FAQ, the default model
	@DEMO_STARTED=$(STARTED) tools/demo.sh $(BINARY) build/demo

test: test-deps ## build everything and pass every test (ctest), lint included
	@tools/run_tests.sh

lint: test-deps ## layers, style, formatting, clang-tidy
	@python3 tools/check_layers.py && python3 tools/check_style.py && tools/check_format.sh && tools/run_tidy.sh

format: ## clang-format in place
	@git ls-files '*.cc' '*.h' | xargs clang-format-14 -i

parity: test-deps ## against PyTorch, transformers, PEFT and llama.cpp (5 GB of Python packages)
	@tools/parity.sh

bench: test-deps ## training and inference against their peers on this machine
	@bench/run.sh

results: test-deps ## make demo, parity, bench and the rest again and rewrite docs/RESULTS.md
	@python3 tools/results.py

crash: test-deps ## the long campaigns: kill -9, failing writes, power loss, full disks
	@cmake --preset release >/dev/null && cmake --build $(RELEASE) -j $(JOBS) --target faqsmith io_faults -- --quiet
	@tools/crash.sh

fuzz: ## libFuzzer on each parser until each has had FUZZ_RUNS (default 10,000,000); goes on where it was stopped
	@tools/install_deps.sh fuzz
	@tests/fuzz/run.sh long $(or $(FUZZ_RUNS),10000000)

seven-b: build test-deps ## a model of 7B parameters within 22 GiB of memory: load, 3 LoRA and 3 QLoRA steps, exports (31 GB of disk)
	@FAQSMITH_PYTHON=$$(tools/test_python.sh test) tools/with_python.sh tools/seven_b.py $(BINARY) build/seven-b

clean: ## remove build/
	rm -rf build
