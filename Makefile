# contain's tasks; `make help` prints them. Each does its own set-up: packages (as root on Debian), .venv, launcher, busybox rootfs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# another one has a .venv of its own: make test PYTHON=python3.13
PYTHON ?= python3
ANOTHER := $(addprefix -,$(filter-out python3,$(notdir $(PYTHON))))
VENV := .venv$(ANOTHER)
BIN := $(VENV)/bin
SRC := contain/launcher/src
# how many tests may skip before a run fails: a machine of the usual kind (root, Debian 12, cgroup v1 hybrid) and the guest
SKIPS_HOST ?= 25
SKIPS_LIVE ?= 15
SKIPS_GUEST ?= 30
# and of the slow ones. CPython's own: none. Here: what wants pure v2 (systemd 4, limits of an ordinary user 2) or has none on v1 (Podman's update),
# three things that no package has (CONTAIN_RUNTIME_TOOLS, CONTAIN_ISOLATE in two places, CONTAIN_KERNEL of 6.12), two to spare. In the guest: Docker's top, and some that may come
SKIPS_CPYTHON ?= 0
SKIPS_SLOW ?= 13
SKIPS_SLOW_GUEST ?= 4

## — everyday

.PHONY: help
help: ## print this
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## (.*)/  \1\t\2/' | expand -t 18

.PHONY: run
run: build ## set everything up and show the main job: a bundle is checked, planned and run
	@docs/lab/show $(BIN)/contain build/rootfs

.PHONY: build
build: $(VENV)/.ready launcher build/rootfs/.ready ## packages, .venv, the launcher, the busybox rootfs

.PHONY: test
test: test-plain test-live ## all tests but the slow ones, on this machine's kernel

.PHONY: test-plain
test-plain: build
	$(PLAIN) --max-skips $(SKIPS_HOST)

# the live tests meet a real kernel on a busy machine: one may be run again, up to twice, and the closing line counts it ("rerun")
# the guest has one processor, the live tests here use one: `check` runs them side by side, which takes half the time
PLAIN := $(BIN)/pytest -q -m 'not live and not slow' -n 2 --dist loadfile tests
LIVE := $(BIN)/pytest -q -raR -m 'live and not slow' --reruns 2 --rerun-except Timeout tests
GUEST := tests/guest/run -t 1500 $(LIVE) --max-skips $(SKIPS_GUEST) -p no:cacheprovider

.PHONY: test-live
test-live: build
	$(LIVE) --max-skips $(SKIPS_LIVE)

.PHONY: test-v2
test-v2: build tester ## the kernel-touching tests again, in a guest with pure cgroup v2
	$(GUEST)

# what is slow waits for timeouts, daemons and downloads as much as it computes; CPython's tests, 26 legs, mostly for their own clocks
SLOWLY := $(BIN)/pytest -q -raR -m slow --timeout 600 -o faulthandler_timeout=900
CPYTHON := tests/container/test_cpython.py
SLOW := $(SLOWLY) --reruns 1 --rerun-except Timeout --ignore $(CPYTHON)

.PHONY: test-all
test-all: build tester peers ## every test, the slow ones too, in half an hour (installs Docker, Podman, containerd and others to work with)
	@.ci/packages programs
	@.ci/legs \
	  v2 "$(GUEST)" \
	  v2-slow "tests/guest/run -t 3000 $(SLOW) --max-skips $(SKIPS_SLOW_GUEST) -p no:cacheprovider tests/engines tests/live" \
	  cpython "$(SLOWLY) --max-skips $(SKIPS_CPYTHON) -n 3 --maxschedchunk 1 $(CPYTHON)" \
	  -- \
	  plain "$(PLAIN) --max-skips $(SKIPS_HOST)" \
	  live "$(LIVE) --max-skips $(SKIPS_LIVE)" \
	  slow "$(SLOW) --max-skips $(SKIPS_SLOW) tests"

.PHONY: lint
lint: build ## ruff, mypy --strict, the layers, lengths, clang-format: the linters, which are tests
	$(BIN)/pytest -q -n 2 -m 'not slow' tests/test_project

.PHONY: format
format: $(VENV)/.ready ## rewrite Python and C in the house's format
	$(BIN)/ruff check -q --fix-only . || true
	$(BIN)/ruff format -q .
	find $(SRC) tests -name '*.[ch]' ! -name '*.gen.*' | xargs -r $(BIN)/clang-format -i

.PHONY: check
check: build tester ## everything that CI runs: linters, tests, tests in the guest
	@plain=0; $(PLAIN) --max-skips $(SKIPS_HOST) || plain=$$?; \
	$(GUEST) >build/guest.log 2>&1 & guest=$$!; \
	live=0; $(LIVE) --max-skips $(SKIPS_LIVE) || live=$$?; \
	v2=0; wait $$guest || v2=$$?; \
	echo "in the guest with pure cgroup v2:"; cat build/guest.log; \
	exit $$((plain ? plain : live ? live : v2))

## — makers

.PHONY: generate
generate: $(VENV)/.ready ## write the generated files again: C tables, validators, rule table, filters
	@for file in $$(find contain -name generate.py | sort); do \
	  module=$${file%.py}; echo "generate: $${module//\//.}"; $(BIN)/python -m "$${module//\//.}"; done

.PHONY: new-rule
new-rule: $(VENV)/.ready ## write the skeleton of a lint rule: make new-rule FAMILY=RUN NAME=kebab-name
	$(BIN)/python -m contain.linter.skeleton "$(FAMILY)" "$(NAME)"

.PHONY: new-operation
new-operation: $(VENV)/.ready ## write the skeletons of an operation, Python and C: make new-operation FAMILY=mounts NAME=MountThing
	$(BIN)/python -m contain.plan.skeleton "$(FAMILY)" "$(NAME)"

.PHONY: bench
bench: build peers ## measure beside runc, crun, bubblewrap and others that are installed
	$(BIN)/python -m tests.bench

.PHONY: docs
docs: build ## write the generated pages of docs/ and run every command shown there
	$(BIN)/pytest -q tests/docs

## — set-up

# the ordinary user of the tests: made here, since two runs side by side must not both write /etc/passwd
.PHONY: tester
tester:
	@[ "$$(id -u)" != 0 ] || id contain-test >/dev/null 2>&1 || useradd -m -s /bin/bash contain-test

.PHONY: packages
packages:
	@.ci/packages

.PHONY: peers
peers:
	@.ci/packages peers
	@tests/guest/kernel >/dev/null 2>&1 || echo "no kernel for QEMU could be had: its tests skip"

$(VENV)/.ready: pyproject.toml .ci/packages .ci/venv | packages
	@.ci/venv $(PYTHON) $(VENV)
	@touch $@

.PHONY: launcher
launcher: $(VENV)/.ready
	@cmake -S $(SRC) -B build/launcher -DCONTAIN_WERROR=ON -DCONTAIN_PYTHON="$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" >build/launcher.log 2>&1 || { cat build/launcher.log; exit 1; }
	@cmake --build build/launcher >>build/launcher.log 2>&1 || { cat build/launcher.log; exit 1; }
	@for pair in contain:$(BIN)/contain contain-launcher:contain/launcher/contain-launcher; do \
	  from=build/launcher/$${pair%%:*} to=$${pair#*:}; \
	  if [ -e "$$from" ] && ! cmp -s "$$from" "$$to"; then cp "$$from" "$$to.new" && mv "$$to.new" "$$to"; else touch -c "$$to"; fi; done

build/rootfs/.ready: rootfs/busybox | packages
	@rootfs/busybox build/rootfs
	@touch $@
