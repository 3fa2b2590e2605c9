# Everything a user or a developer runs. Paths are relative, so that a checkout may lie under a name with spaces.
FROM = en
TO = es
WAV =
ARGS =
# Passed through the environment and quoted there: a file name may hold spaces too.
export FROM TO WAV

.DEFAULT_GOAL := help
.PHONY: demo serve test bench bench-short costs chaos hostile lint lock wheel clean help install install-test

demo: install ## Translate a recording, live and spoken: make demo [WAV=clip.flac] [FROM=es] [TO=en]
	@set -- --from "$$FROM" --to "$$TO" $(ARGS); \
	if [ -n "$$WAV" ]; then set -- "$$@" -- "$$WAV"; fi; \
	exec .venv/bin/izwi demo "$$@"

serve: install ## Run the translator until Ctrl-C
	@exec .venv/bin/izwi serve $(ARGS)

test: install-test ## Run the tests: make test [ARGS=tests/unit]
	@exec .venv/bin/python -m pytest $(ARGS)

bench: install-test ## Measure up to 32 speakers at once and both translations: make bench [ARGS="--speakers 1,2,4"]
	@exec .venv/bin/python -m loadtests.bench $(ARGS)

bench-short: install-test ## Three minutes of it, which fail on regressions: make bench-short
	@exec .venv/bin/python -m loadtests.short $(ARGS)

costs: install-test ## Measure what `izwi plan` counts with on this machine, in seven minutes: make costs [ARGS="--check --write"]
	@exec .venv/bin/python -m loadtests.costs $(ARGS)

chaos: install-test ## Break the server under live streams, again and again: make chaos [ARGS="--faults reset,asr"]
	@exec .venv/bin/python -m loadtests.chaos.run $(ARGS)

hostile: install-test ## Attack the server beside honest speakers: make hostile [ARGS="--attacks crowd,slow-loris"]
	@exec .venv/bin/python -m loadtests.chaos.hostile $(ARGS)

lint: install-test ## Check style, formatting and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright

lock: ## Pin the dependencies anew: make lock [ARGS=--upgrade]
	@bash requirements/compile.sh $(ARGS)

wheel: install-test ## Build the wheel into dist/
	@.venv/bin/python -m build --wheel --no-isolation --outdir dist

install: ## Install what the demo and the server need (the other targets do it too)
	@bash requirements/install.sh default

install-test: ## Install what the tests need as well
	@bash requirements/install.sh test

clean: ## Remove what was built and cached; .venv stays
	rm -rf build dist out .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
