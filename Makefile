# make demo · make test · make bench: each sets up what it needs, given Rust, Python 3 and Node.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo simulate noisy faults throughput pgo test explore bench rust loom python node sdk fmt lint docs servers clean bench-rust bench-python bench-node fuzz

JOBS ?= 2
# The property tests draw the same cases wherever and whenever `make test` runs: what passes here passes there. `make explore` draws others.
export PROPTEST_RNG_SEED ?= 20261127
# Rust 1.95 can fail on its own incremental state (an internal compiler error); what is built here is built whole.
export CARGO_INCREMENTAL ?= 0
CARGO := cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
VENV := $(TARGET)/venv
PY := $(VENV)/bin/python
WHEELS := $(TARGET)/wheels
BINDINGS := --exclude tenantry-python --exclude tenantry-node
# cargo-nextest where it is installed: faster, and one process per test.
TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo "nextest run --no-fail-fast" || echo "test --tests --no-fail-fast")
say = printf '\n\033[1m── %s\033[0m\n' "$(1)"

help:
	@echo "make demo    the gateway with its own upstreams: one tenant floods, the other keeps its latency"
	echo "make test    builds, tests and checks everything: Rust, Python, Node (parts: rust loom python node sdk)"
	echo "make bench   what a decision costs, beside its floor and beside peers; tables and target/bench/"
	echo "make simulate  every scenario of the simulator, with its verdicts; reports and CSV in target/simulator/"
	echo "make noisy   a victim beside an aggressor: nginx, HAProxy and Tenantry side by side; a table and target/noisy_neighbor/"
	echo "make faults  an upstream killed, stopped, lying, moved, …: what clients see behind nginx, HAProxy and Tenantry; a table and target/faults/"
	echo "make throughput  what a request costs nginx, HAProxy, a plain hyper proxy and the gateway (needs wrk); a table and target/throughput/"
	echo "make pgo     the gateway, compiled with what the compiler has learnt from its own traffic (needs wrk and h2load): figures in COMPARE.md; target/release/examples/gateway-pgo"
	echo "make explore  the property tests, ROUNDS=5 times, with fresh and more draws (make test draws the same ones each time)"
	echo "make fuzz    both fuzz targets, a minute each (needs cargo-fuzz and a nightly toolchain)"

demo:
	@$(CARGO) run --release -j$(JOBS) --example gateway -- --seconds 20

simulate:
	@$(CARGO) run --release -j$(JOBS) -p tenantry-benches --bin simulate -- --seeds 4
	$(CARGO) run --release -j$(JOBS) -p tenantry-benches --bin prequal
	$(CARGO) run --release -j$(JOBS) -p tenantry-benches --bin health -- faults
	$(CARGO) run --release -j$(JOBS) -p tenantry-benches --bin health -- silence
	$(CARGO) run --release -j$(JOBS) -p tenantry-benches --bin health

noisy:
	@$(CARGO) run --release -j$(JOBS) --example noisy_neighbor

faults:
	@$(CARGO) run --release -j$(JOBS) --example faults

throughput:
	@$(CARGO) build --release -j$(JOBS) -p tenantry-examples --example gateway --example throughput
	$(CARGO) run --release -j$(JOBS) --example throughput

# Profile-guided optimization: a gateway that counts which ways are gone, a while of traffic, and one that is laid out by these counts.
pgo:
	@host=$$(rustc -vV | sed -n 's/^host: //p')
	profdata="$$(rustc --print sysroot)/lib/rustlib/$$host/bin/llvm-profdata"
	for program in wrk h2load; do command -v $$program >/dev/null || { echo "make pgo needs $$program" >&2; exit 1; }; done
	[ -x "$$profdata" ] || rustup component add llvm-tools
	counts=$(TARGET)/pgo/counts
	build() { RUSTFLAGS="$$1" CARGO_TARGET_DIR=$(TARGET)/pgo $(CARGO) build --release -j$(JOBS) --target "$$host" -p tenantry-examples --example gateway; }
	built=$(TARGET)/pgo/$$host/release/examples/gateway
	$(call say,the gateway that counts)
	rm -rf "$$counts"
	build "-Cprofile-generate=$$counts"
	$(CARGO) build --release -j$(JOBS) -p tenantry-examples --example throughput
	$(call say,traffic)
	$(TARGET)/release/examples/throughput train "$$built"
	"$$profdata" merge -o "$$counts/merged" "$$counts"
	# By a name of its own: cargo does not look into the file.
	learnt=$(TARGET)/pgo/$$(sha256sum "$$counts/merged" | cut -c1-16).profdata
	mv "$$counts/merged" "$$learnt"
	$(call say,the gateway by these counts)
	build "-Cprofile-use=$$learnt"
	install "$$built" $(TARGET)/release/examples/gateway-pgo
	echo "$(TARGET)/release/examples/gateway-pgo"

test: servers rust loom python node sdk
	@$(call say,all of it passed)
	$(MAKE) --no-print-directory servers

# The real-server tests want Debian's nginx, haproxy, curl, nghttp2-client (h2load), chromium and prometheus. Without them they are left out, and that is said; under CI that is a failure.
servers:
	@missing=""
	for program in nginx haproxy curl h2load chromium prometheus; do PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v $$program >/dev/null || missing="$$missing $$program"; done
	if [ -n "$$missing" ]; then
		printf '\n\033[1;33mLEFT OUT: the tests against real servers, because this machine lacks:%s\033[0m\n' "$$missing"
		if [ "$${CI:-}" = true ]; then echo "CI=true: leaving out is a failure"; exit 1; fi
	fi

rust: lint docs
	@$(call say,Rust: tests)
	$(CARGO) build -j$(JOBS) -p tenantry-examples --examples
	$(CARGO) $(TEST) -j$(JOBS) --workspace $(BINDINGS) --features tenantry/toml,tenantry/yaml,tenantry-tower/full
	$(call say,Rust: the gateway with OpenTelemetry)
	$(CARGO) test -j$(JOBS) -p tenantry-examples --features otel --lib --test gateway_otel
	$(call say,Rust: doctests)
	$(CARGO) test -j$(JOBS) --doc -p tenantry --all-features
	$(CARGO) test -j$(JOBS) --doc -p tenantry-tower --all-features

explore:
	@$(call say,Rust: property tests with fresh draws)
	for round in $$(seq $${ROUNDS:-5}); do
		# A test that names its number of cases keeps it; the others draw this many.
		export PROPTEST_RNG_SEED=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') PROPTEST_CASES=5000
		echo "round $$round: PROPTEST_RNG_SEED=$$PROPTEST_RNG_SEED"
		$(CARGO) $(TEST) -j$(JOBS) -p tenantry -p tenantry-tower --all-features
	done

lint:
	@$(call say,Rust: format and clippy)
	$(CARGO) fmt --all --check
	$(CARGO) clippy -j$(JOBS) --workspace --all-targets -- -D warnings
	$(CARGO) clippy -j$(JOBS) -p tenantry-examples --features otel --all-targets -- -D warnings
	# Alone and with every feature: what the workspace's feature unification hides.
	$(CARGO) clippy -j$(JOBS) -p tenantry -- -D warnings
	$(CARGO) clippy -j$(JOBS) -p tenantry --all-features --all-targets -- -D warnings
	$(CARGO) clippy -j$(JOBS) -p tenantry-tower -- -D warnings
	$(CARGO) clippy -j$(JOBS) -p tenantry-tower --all-features --all-targets -- -D warnings

docs:
	@$(call say,Rust: documentation)
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc -j$(JOBS) --no-deps -p tenantry --all-features
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc -j$(JOBS) --no-deps -p tenantry-tower --all-features

loom:
	@$(call say,Rust: loom models of the lock-free types)
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(TARGET)/loom $(CARGO) test -j$(JOBS) --release -p tenantry --lib models

$(PY):
	@python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check 'maturin>=1.16,<2' 'mypy>=1.18' 'pytest>=8.4' 'pytest-asyncio>=1.1'

.PHONY: wheel
wheel: $(PY)
	@$(call say,Python: wheel)
	rm -rf $(WHEELS)
	cd bindings-python
	PATH=$(VENV)/bin:$$PATH $(VENV)/bin/maturin build --release --quiet --out $(WHEELS)
	$(PY) -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(WHEELS)/*.whl

python: wheel
	@$(call say,Python: tests and types)
	cd bindings-python
	# From a folder without the sources, so that the installed wheel is what is tested.
	$(PY) -m pytest -q --import-mode=importlib -p no:cacheprovider tests
	$(VENV)/bin/mypy --cache-dir $(TARGET)/mypy
	$(PY) -m mypy.stubtest tenantry --mypy-config-file pyproject.toml

.PHONY: addon
addon:
	@$(call say,Node: addon)
	cd bindings-node
	npm ci --silent --no-progress
	CARGO_TARGET_DIR=$(TARGET) npm run --silent build

node: addon
	@$(call say,Node: tests and types)
	cd bindings-node
	npm run --silent typecheck
	npm test --silent
	npm pack --silent --ignore-scripts --pack-destination $(TARGET) >/dev/null
	echo "npm tarball: $$(ls -t $(TARGET)/tenantry-*.tgz | head -1)"

SDK := examples/tests/sdk
sdk: $(PY)
	@$(call say,The gateway and the official LLM clients)
	$(PY) -m pip install --quiet --disable-pip-version-check -r $(SDK)/requirements.txt
	(cd $(SDK) && npm ci --silent --no-progress)
	TENANTRY_SDK_PYTHON=$(PY) $(CARGO) test -j$(JOBS) -p tenantry-examples --test official_clients -- --ignored

bench: bench-rust bench-python bench-node

bench-rust:
	@$(call say,Rust: the decision beside its floor and beside peers)
	$(CARGO) bench -j$(JOBS) -p tenantry-benches

bench-python: wheel
	@$(call say,Python: what crossing the border costs)
	$(PY) bindings-python/benches/overhead.py
	$(call say,Python: a check beside its peers)
	$(PY) -m pip install --quiet --disable-pip-version-check -r bindings-python/benches/requirements.txt
	$(PY) bindings-python/benches/checks.py

bench-node: addon
	@$(call say,Node: what crossing the border costs)
	cd bindings-node
	npm run --silent bench
	$(call say,Node: a check beside its peer)
	npm install --silent --no-save --no-progress --prefix $(TARGET)/peers rate-limiter-flexible@11.4.0
	TENANTRY_PEERS=$(TARGET)/peers node bench/limits.mjs

fuzz:
	@cd fuzz
	for target in operations config; do
		$(CARGO) +nightly fuzz run --fuzz-dir . -s none $$target -- -max_total_time=60 -max_len=1600
	done

fmt:
	@$(CARGO) fmt --all

clean:
	@$(CARGO) clean
	rm -rf bindings-node/node_modules bindings-node/*.node
