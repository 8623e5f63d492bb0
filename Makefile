# Sealwright. `make help` says what each word does.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .local/ready
BENCH = SEALWRIGHT_FOLDER=$(CURDIR)/.local/bench $(BIN)/python -m config.embedded.servers $(BIN)/python

help: ## Say what each word does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: prepare ## Try it: 5,000 made-up patients, two campaigns, real mail servers (EXIT=1 stops after the job)
	@$(BIN)/python -m config.demo $(if $(EXIT),--exit)

serve: prepare ## Run it on this machine with embedded PostgreSQL and Valkey, or DATABASE_URL and REDIS_URL
	@$(BIN)/python -m config.embedded.run

test: prepare ## Every check: format, lint, types, layers, migrations, tests
	@$(MAKE) --no-print-directory lint
	@SEALWRIGHT_FOLDER=$(CURDIR)/.local/test $(BIN)/python -m config.embedded.servers bash -ec '\
	  $(BIN)/python manage.py makemigrations --check --dry-run -v 1; \
	  $(BIN)/pytest -q -n 2 --dist loadfile $(ARGS)'

lint: prepare ## Format, lint, types and layers, without tests
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q .
	@SEALWRIGHT_LOCAL=1 SEALWRIGHT_FOLDER=$(CURDIR)/.local/test $(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >.local/layers.log || { cat .local/layers.log; exit 1; }

bench-import: prepare ## A million rows from CSV to sealed and indexed (ARGS="--rows 100000" for a quick look)
	@$(BENCH) -m benchmarks.bench_import $(ARGS)

bench-segment: prepare ## Counts of segments over a million contacts (ARGS="--contacts 100000")
	@$(BENCH) -m benchmarks.bench_segment $(ARGS)

format: prepare ## Put the code into the house's format
	@$(BIN)/ruff check -q --fix-only . ; $(BIN)/ruff format -q .

prepare:
	@bash .ci/prepare

clean: ## Remove what was made here: .venv, node_modules and .local with its databases
	rm -rf .venv node_modules .local

bench-permit: prepare ## Permits for a hundred thousand people (ARGS="--recipients 10000")
	@$(BENCH) -m benchmarks.bench_permit $(ARGS)

bench-send: prepare ## 100,000 personal messages over verified TLS, three ways (ARGS="--recipients 10000")
	@$(BENCH) -m benchmarks.bench_send $(ARGS)

bench-track: prepare ## Opens and clicks a second, counted in the database (ARGS="--seconds 8 --messages 3000")
	@$(BENCH) -m benchmarks.bench_track $(ARGS)

kill-workers: prepare ## Kill 200 workers at random moments and count (ARGS="--rounds 20")
	@$(BENCH) -m benchmarks.kill_workers $(ARGS)

.PHONY: help demo serve test bench-import bench-segment bench-permit bench-send bench-track kill-workers lint format prepare clean
