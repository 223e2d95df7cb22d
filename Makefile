# Everything one does with the workbook.  `make lab` and `make test` set themselves up from a machine that has
# only Python 3.11 or newer and make.

# The first of these that is new enough makes the virtual environment; name another with make PYTHON=/path/to/python3.
PYTHON ?= python3.13 python3.12 python3.11 python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SUITES := build/sdists
WHEELS := build/wheels
BUNDLE := build/bundle
BOOK := $(VENV)/book
FIRST_LESSON := $(notdir $(firstword $(sort $(wildcard notebooks/*.ipynb))))

.DEFAULT_GOAL := help
.PHONY: help lab test suites lint bench notebooks fresh report lesson answers bundle book mta lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

lab: $(READY) ## open JupyterLab on your own copies of the lessons (LAB_ARGS=--no-browser passes options on)
	@$(if $(FIRST_LESSON),$(BIN)/jupyter trust notebooks/*.ipynb >/dev/null)
	@$(BIN)/python -m mailkit.workbook copies
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/work/$(FIRST_LESSON) --KernelManager.transport_encryption=auto \
	    $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_ARGS)

test: lint suites $(WHEELS)/requirements.lock $(BOOK) ## lint, types, unit and protocol tests, every lesson re-executed (TEST_ARGS="-k spf" passes options on)
	@$(BIN)/pytest --numprocesses auto --dist loadscope $(TEST_ARGS)

suites: $(SUITES)/ready ## fetch the test suites that pyspf and dkimpy carry

# The source distributions of pyspf and dkimpy that the lock pins: they carry test suites by others, run here too.
$(SUITES)/ready: requirements.lock | $(READY)
	@mkdir -p $(SUITES)
	@awk '/^(pyspf|dkimpy)==/ { on = 1 } on { print } on && !/\\$$/ { on = 0 }' requirements.lock >$(SUITES)/pinned.txt
	@{ $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --require-hashes \
	    --requirement $(SUITES)/pinned.txt --dest $(SUITES) && \
	    for archive in $(SUITES)/*.tar.gz; do tar -xzf $$archive -C $(SUITES) || exit 1; done && touch $@; } || \
	    echo "The suites of pyspf and dkimpy could not be fetched: the tests that need them skip." >&2

lint: $(READY) ## style and types alone
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

bench: $(READY) ## measure speed and memory, side by side with peers
	@for script in $(sort $(wildcard benchmarks/bench_*.py)); do $(BIN)/python $$script || exit 1; done

notebooks: $(READY) ## re-execute the lessons from the top and store them (NAMES="04_spf" for some of them)
	@$(BIN)/python -m mailkit.workbook store $(NAMES)

fresh: $(READY) ## start your copies of the lessons again; the old ones are kept in a folder beside them
	@$(BIN)/python -m mailkit.workbook fresh

report: $(READY) ## examine a domain: make report DOMAIN=kaisha.example (REPORT_ARGS="--html report.html", --help for all)
	@$(if $(DOMAIN),,echo "Name a domain: make report DOMAIN=kaisha.example" >&2; exit 2)
	@$(BIN)/python -m mailkit.report $(DOMAIN) $(if $(NETWORK),--network $(NETWORK)) $(REPORT_ARGS)

lesson: $(READY) ## a lesson on your own domain as HTML: make lesson NAME=04_spf DOMAIN=your.domain (LESSON_ARGS=--own-domain-only)
	@$(if $(and $(NAME),$(DOMAIN)),,echo "Name both: make lesson NAME=04_spf DOMAIN=your.domain" >&2; exit 2)
	@$(BIN)/python -m mailkit.lesson_document $(NAME) $(DOMAIN) $(if $(NETWORK),--network $(NETWORK)) $(LESSON_ARGS)

answers: $(READY) ## the trainer's appendix: answers to every prediction and exercise, in build/answers.md
	@mkdir -p build
	@$(BIN)/python -m mailkit.training answers >build/answers.md && echo "Written: build/answers.md"

bundle: $(WHEELS)/requirements.lock ## build/bundle: the workbook with all it needs, for machines without network or make
	@$(BIN)/python bundle/build.py assemble $(WHEELS) $(BUNDLE)

# A copy of the lock they were fetched for says that the wheels are whole.
$(WHEELS)/requirements.lock: requirements.lock | $(READY)
	@echo "Fetching wheels for the bundle: a minute, once."
	@mkdir -p build
	@$(BIN)/python bundle/build.py fetch $(WHEELS) || echo "The tests that need the wheels skip." >&2

book: $(BOOK) ## build/book: the lessons as pages to read, with answers folded, indexes and a cheat sheet
	@test -e $(BOOK) || { echo "The book needs these packages: see the message above." >&2; exit 1; }
	@$(BIN)/python book/edition.py build/book

# What Sphinx needs is installed when the book is first built, on top of everything else.
$(BOOK): requirements-book.lock $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $< && touch $@ || \
	    echo "The packages for the book could not be fetched: the tests that need them skip." >&2

mta: $(READY) ## fetch Postfix, Exim and what stands beside them for lesson 09; nothing is installed (Debian, Ubuntu)
	@.ci/mta
	@$(BIN)/python -m mailkit.lab.daemons

COMPILE := pip compile --no-config --universal --python-version 3.11 --generate-hashes --quiet \
    --custom-compile-command "make lock"
# The entries of the second lock that do not stand in the first: what the book needs on top of everything else.
ADDED := 'FNR == NR { first[$$0]; next } /^[a-z0-9]/ { new = !($$0 in first) } /^\#/ || new'

lock: ## pin the newest versions that pyproject.toml allows in the two locks (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	@uv $(COMPILE) --upgrade --extra test --output-file requirements.lock pyproject.toml
	@mkdir -p build
	@uv $(COMPILE) --upgrade --extra book --constraint requirements.lock --output-file build/book.lock pyproject.toml
	@awk $(ADDED) requirements.lock build/book.lock >requirements-book.lock

clean: ## remove what was set up and built; your copies in work/ stay
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find mailkit tests benchmarks book bundle -name __pycache__ -type d -prune -exec rm -rf {} +

# Prints what a compiled package is called that is for this Python on this system.
WHEELS_FIT := 'import sys; print("numpy-*-cp%d%d-*%s*" % (*sys.version_info[:2], sys.platform.replace("darwin", "macosx")))'

# The stamp is made last, so an interrupted set-up is taken up again.  Where build/bundle holds a bundle for this lock
# and this Python, its wheels are taken, and no index is asked.
$(READY): requirements.lock pyproject.toml
	@python=; \
	for candidate in $(PYTHON); do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        python=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "Python 3.11 or newer is needed and none was found (tried: $(PYTHON))." >&2; \
	    echo "Install it (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)," >&2; \
	    echo "or name one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
	    exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$python lacks the module venv or ensurepip: install it (Debian, Ubuntu: apt-get install python3-venv)." >&2; \
	    exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$python: a minute or two, once."; \
	$(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    "$$python" -m venv --clear $(VENV)
	@wheels=$$($(BIN)/python -c $(WHEELS_FIT)); from="-r requirements.lock"; offline=; \
	if cmp -s requirements.lock $(BUNDLE)/requirements.lock && ls $(BUNDLE)/wheels/$$wheels >/dev/null 2>&1; then \
	    offline="--no-index --find-links $(BUNDLE)/wheels"; from="-r $(BUNDLE)/wheels/requirements.txt"; \
	fi; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$offline --require-hashes $$from && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$offline --no-deps --editable .
	@touch $@
