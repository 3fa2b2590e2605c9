# Everything a user or a developer runs. Paths are relative, so that a checkout may lie under a name with spaces.
FROM = en
TO = es
WAV =
PROFILE = smoke
HOST =
ARGS =
# Passed through the environment and quoted there: a file name may hold spaces too.
export FROM TO WAV PROFILE HOST

.DEFAULT_GOAL := help
.PHONY: demo serve test bench bench-short loadtest costs chaos hostile scaling lint lock wheel image-size serve-config \
	clean help install install-test

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

loadtest: install-test ## Locust users against limits: make loadtest PROFILE=ten [HOST=http://...] [ARGS="--minutes 5"]
	@set -- $(ARGS); \
	if [ -n "$$HOST" ]; then set -- --host "$$HOST" "$$@"; fi; \
	exec .venv/bin/python -m loadtests.swarm "$$PROFILE" "$$@"

costs: install-test ## Measure what `izwi plan` counts with here, in four minutes, or ten with --check: make costs [ARGS="--check --write"]
	@exec .venv/bin/python -m loadtests.costs $(ARGS)

chaos: install-test ## Break the server under live streams, again and again: make chaos [ARGS="--faults reset,asr"]
	@exec .venv/bin/python -m loadtests.chaos.run $(ARGS)

hostile: install-test ## Attack the server beside honest speakers: make hostile [ARGS="--attacks crowd,slow-loris"]
	@exec .venv/bin/python -m loadtests.chaos.hostile $(ARGS)

scaling: install-test ## Nodes that come and go under live streams, and a rolling update: make scaling
	@IZWI_LONG_TESTS=1 exec .venv/bin/python -m pytest tests/cluster $(ARGS)

lint: install-test ## Check style, formatting and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright

lock: ## Pin the dependencies anew: make lock [ARGS=--upgrade]
	@bash requirements/compile.sh $(ARGS)

wheel: install-test ## Build the wheel into dist/
	@.venv/bin/python -m build --wheel --no-isolation --outdir dist

image-size: install-test ## Say how large the images are, and fail over their budgets: make image-size [ARGS=ingress]
	@exec .venv/bin/python -m cluster.image.measure $(ARGS)

serve-config: ## Carry changes of serve_config.yaml over to clusters
	@sed -f cluster/kubernetes/serve_config.sed serve_config.yaml >cluster/kubernetes/base/serve_config.yaml

install: ## Install what the demo and the server need (the other targets do it too)
	@bash requirements/install.sh default

install-test: ## Install what the tests need as well
	@bash requirements/install.sh test

clean: ## Remove what was built and cached; .venv stays
	rm -rf build dist out .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
