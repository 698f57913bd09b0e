# The targets that CI runs, and nothing else. `make help` lists them.

SCENARIO ?= scenarios/shared-gateway.yaml

.DEFAULT_GOAL := help
.PHONY: help demo test envoy scenarios kind kill-test check fmt lint deny bench bless clean-clusters

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## run the founding scenario on the embedded cluster (no Docker, no root)
	cargo gateproof run $(SCENARIO)

test: ## everything; what needs Docker or Envoy is ignored with the reason where there is none
	cargo test --workspace

envoy: ## the data plane against a real Envoy, on route tables of fresh seeds
	GATEPROOF_SEED=$${GATEPROOF_SEED:-$$(date +%s)} GATEPROOF_TABLES=$${GATEPROOF_TABLES:-1000} \
	  cargo test -p gateproof-embedded --test envoy

scenarios: ## every trial as a test of its own
	cargo test --test scenarios

kind: ## the same on kind clusters (needs Docker)
	GATEPROOF_PROVIDER=kind cargo test --test scenarios

kill-test: ## kill 100 runs on Docker at random moments, clean up, and look that nothing is left
	GATEPROOF_KILLS=$${GATEPROOF_KILLS:-100} cargo test -p gateproof-cli --test docker -- killed --nocapture

check: fmt lint deny ## format, lints, dependencies

fmt:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets -- --deny warnings

deny:
	@command -v cargo-deny >/dev/null || { \
	  echo "make check needs cargo-deny: cargo install cargo-deny --locked --no-default-features" >&2; exit 1; }
	cargo deny check bans licenses sources

bench: ## measure (release build); each figure is a ratio to something measured in the same run
	cargo bench --package gateproof-model --bench predictions
	cargo bench --package gateproof-embedded --bench dataplane
	cargo bench --package gateproof-tests --bench gateproof

bless: ## rewrite the snapshots; review the difference as code
	cargo gateproof facts --format markdown > docs/cilium-facts.md.new && mv docs/cilium-facts.md.new docs/cilium-facts.md
	cargo gateproof explain --format markdown > docs/findings.md.new && mv docs/findings.md.new docs/findings.md
	INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo test --workspace

clean-clusters: ## remove what killed runs left behind
	cargo gateproof clean
