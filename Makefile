# A thin front for `cargo x`; see `cargo x help`.

# What `make test-postgres` tests on; TESTS narrows it to tests of that name.
VERSION ?= 18
TESTS ?=

# One target directory for all checkouts, outside of them; what the environment sets is kept.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/tailwater/target

.DEFAULT_GOAL := help
.PHONY: help demo demo-kafka demo-clean test test-postgres check build

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '%-18s %s\n' "$$target" "$$text"; done

demo: ## Run the e-commerce pipeline on a private PostgreSQL and validate every row. DEMO_KEEP=1 leaves it running, DEMO_PORT sets its port.
	@cargo x demo

demo-kafka: ## The same with a private Kafka between the four stages.
	@cargo x demo --kafka

demo-clean: ## Stop what a demo left running and remove its directory.
	@cargo x demo-clean

test: ## Format, lints, house rules and all tests on a real PostgreSQL and a real Kafka.
	@cargo x test

test-postgres: ## The connectors' tests, long ones too, on PostgreSQL VERSION=14, 15, 16, 17 or 18.
	@cargo x test-postgres $(VERSION) $(TESTS)

check: ## Format, lints and house rules, without tests.
	@cargo x check

build: ## Build the release binary, with TLS for Kafka.
	cargo build --locked --release --package tailwater --features kafka-tls
