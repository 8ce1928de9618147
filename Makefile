# make             the module and the programs
# make quick       what to run after each edit: formats, lints, the tests of the library and of the pure files (no root;
#                  under a minute once it is built)
# make check       installs what is missing, formats, lints, explores the model, builds, runs every test (as root: they
#                  start real sshds)
# make check-systems  installs what is missing, then boots Debian 12 and 13 and logs into them, as root (23 minutes the first time;
#                  with SYSTEMS=containers what needs no virtual machine, in six)
# make check-programs  logs in through each program of docs/stacks.md on Debian 12 and 13, as root (ten minutes)
# make check-trixie  make check of the committed tree in a system of Debian 13, with that release's own Rust (as root)
# make demo        installs what is missing, then tells a login with a code, start to end, in a throw-away system
# make bench       installs what is missing, then measures a login beside google-authenticator and pam_oath, and writes
#                  benches/RESULTS.md (ten minutes at most; with BENCH_QUICK=1 one, and target/bench/RESULTS.md)
# make torture     tries to break every promise for long, and ends with a table of what held (an hour at most)
# make mutants     breaks the pure files in every way there is, to see that a test notices (hours)
# make cockpit     target/cockpit: the page of Cockpit (needs npm)
# make install     [PREFIX=/usr/local] [MODULEDIR=...] [DOCDIR=...] [DESTDIR=...]
# make install-cockpit  the page of Cockpit, for an installation of `make install` [PREFIX=/usr/local] [DESTDIR=...]
# make uninstall   keeps keys, records and the policy
# make dist        target/dist: the committed tree with its crates as a source archive, what is in it, checksums
# make rpm         target/rpm: packages for Fedora, RHEL and openSUSE, built from that archive
# make check-rpm   builds those, then installs, upgrades and erases them in a throw-away system by Debian's rpm, as root
# make deb         target/deb: packages for Debian and Ubuntu, built from that archive; deb-source: their source package too

PREFIX ?= /usr/local
# For src/paths.rs; unset where it is the default, so that a plain `cargo build` finds all fresh.
ifneq ($(PREFIX),/usr/local)
export PAM_TOTP_PREFIX = $(PREFIX)
endif
DOCDIR ?= $(PREFIX)/share/doc/pam_totp
ifneq ($(DOCDIR),$(PREFIX)/share/doc/pam_totp)
export PAM_TOTP_DOCDIR = $(DOCDIR)
endif
# In a source archive: wherever it is unpacked, the same is built.
ifneq ($(wildcard vendor),)
export RUSTFLAGS += --remap-path-prefix=$(CURDIR)=/usr/src/pam_totp
endif
# Whatever the prefix, libpam looks into one folder only: where the distribution's own modules are.
MODULEDIR ?= $(realpath $(dir $(firstword $(wildcard $(addsuffix /security/pam_unix.so, \
    /usr/lib/$(TRIPLET) /lib/$(TRIPLET) /usr/lib64 /lib64 /usr/lib /lib)))))
TRIPLET = $(shell gcc -print-multiarch 2>/dev/null)

MODULE = target/module/release/libpam_totp.so
PROGRAM = target/release/pam-totp
DAEMON = target/release/pam-totpd
SOURCES = build.rs Cargo.toml Cargo.lock $(shell find src -name '*.rs')

DEMO_NEEDS = gcc iproute2 libpam0g-dev login openssh-client openssh-server passwd python3 util-linux
DIST_NEEDS = git python3 xz-utils
DEB_NEEDS = $(DIST_NEEDS) build-essential debhelper dpkg-dev libpam0g-dev lintian po-debconf
RPM_NEEDS = gcc libpam0g-dev make rpm xz-utils
BENCH_NEEDS = gcc iproute2 libpam0g-dev libpam-google-authenticator libpam-oath python3 python3-matplotlib strace util-linux valgrind
CHECK_NEEDS = $(DEMO_NEEDS) adduser appstream binutils e2fsprogs fish libfaketime libpam-modules man-db oathtool python3-pil rpm strace sudo systemd \
    tmux valgrind zbar-tools zsh
# Where people come from.
CHECK_NEEDS += libpam-google-authenticator libpam-oath
# Applications that log in by PAM, and who logs into them.
CHECK_NEEDS += chromium cockpit-bridge cockpit-system cockpit-ws curl dbus-daemon polkitd rsync sasl2-bin vsftpd
# Daemons that run PAM without root.
CHECK_NEEDS += libnginx-mod-http-auth-pam nginx openssl postgresql

# cargo's own tools, for a shell that does not look there; behind the rest, so that no choice of the user's is overruled.
export PATH := $(PATH):$(HOME)/.cargo/bin
# No noise between what a check or a demo says.
MAKEFLAGS += --no-print-directory

.PHONY: all quick check check-systems check-programs check-trixie demo bench torture install uninstall ready-as-root
all: $(MODULE) $(PROGRAM) $(DAEMON)

# Before anything else, so that nobody waits for packages to hear that Rust is missing.
ready-as-root:
	@scripts/ready root $(MAKECMDGOALS)

# Both say where to build: CARGO_TARGET_DIR may be set to another place. A library for hosts in C is only what is asked
# for here; the programs link what Cargo.toml says.
# cargo leaves a file that it finds fresh as old as it was; touched, `sudo make install` needs no cargo.
$(MODULE): $(SOURCES)
	@scripts/ready
	cargo rustc --release --locked --lib --crate-type cdylib --no-default-features --features module --target-dir target/module
	@touch $@

$(PROGRAM): $(SOURCES)
	@scripts/ready
	cargo build --release --locked --no-default-features --features cli --bins --target-dir target
	@touch $@

# Built with it.
$(DAEMON): $(PROGRAM)
	@touch $@

# What drives Chromium in the tests, and the page of Cockpit. The last that npm writes is its own copy of the lock.
BROWSER = tests/support/browser
PAGE = packaging/cockpit
.PHONY: browser cockpit
browser: $(BROWSER)/node_modules/.package-lock.json
cockpit: target/cockpit/index.js
%/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund
	@touch $@

# A source archive has it built, for machines without npm.
PAGE_BUILT = $(firstword $(wildcard $(PAGE)/dist) target/cockpit)
.PHONY: install-cockpit
install-cockpit: $(if $(wildcard $(PAGE)/dist),,cockpit)
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install-cockpit $(PAGE_BUILT)

target/cockpit/index.js: $(PAGE)/node_modules/.package-lock.json docs/json.md $(shell find $(PAGE) \
    \( -name node_modules -o -name dist \) -prune -o -type f ! -path $(PAGE)/src/json.ts -print)
	npm run --silent --prefix $(PAGE) build -- $(CURDIR)/target/cockpit

# Half of the time a test waits: for a server, or for the seconds after a refusal.
THREADS = $$(($(shell nproc) * 2))

# A crate of its own, as the fuzzer's.
MODEL = --manifest-path models/Cargo.toml

# The newest that Rust 1.85 builds.
CARGO_DENY = 0.18.3
# A part of Rust: rustup's, or the package beside Debian's own cargo.
component = if command -v rustup >/dev/null; then rustup component add $(1); else scripts/need $(2); fi

check: ready-as-root
	@scripts/need $(CHECK_NEEDS)
	@command -v npm >/dev/null || scripts/need nodejs npm
	@cargo fmt --version >/dev/null 2>&1 || $(call component,rustfmt,rustfmt)
	@cargo clippy --version >/dev/null 2>&1 || $(call component,clippy,rust-clippy)
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked --debug cargo-deny@$(CARGO_DENY)
	cargo fmt --check
	cargo fmt --check $(MODEL)
	@$(MAKE) --jobs=2 tests-built all explored
	RUST_TEST_THREADS=$(THREADS) cargo test --locked --no-fail-fast

# Two of these at once: the last crate that a build checks, optimizes or links keeps one core busy alone. Each has a folder of
# its own, so that none waits for the other's lock.
.PHONY: tests-built explored
tests-built:
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --test systems -- -D warnings
	cargo clippy --locked --lib --no-default-features --features module -- -D warnings
	cargo clippy --locked --lib --no-default-features -- -D warnings
	cargo clippy --locked $(MODEL) --target-dir target -- -D warnings
	cargo fetch --locked
	cargo deny --offline check bans licenses sources
	cargo test --quiet --locked --no-run

explored:
	cargo run --quiet --locked --release $(MODEL) -- short

# Real systems: those in containers, and where not told SYSTEMS=containers the virtual machines too.
SYSTEMS_NEEDS = debootstrap e2fsprogs gcc libpam0g-dev oathtool util-linux
TREES = bookworm trixie

check-systems: ready-as-root
	@scripts/need $(SYSTEMS_NEEDS) $(DEB_NEEDS)
	@$(MAKE) --jobs=3 deb $(addprefix tree-,$(TREES))
	RUST_TEST_THREADS=$(THREADS) cargo test --locked --no-fail-fast --test systems -- containers:: --skip containers::programs::
ifneq ($(SYSTEMS),containers)
	@$(MAKE) --jobs=2 check-rpm machines
	RUST_TEST_THREADS=3 cargo test --locked --no-fail-fast --test systems -- machines::
endif

# The programs of a hosting host and of a desktop, in containers: their packages take longer to fetch than all else to try.
check-programs: ready-as-root
	@scripts/need $(SYSTEMS_NEEDS) $(DEB_NEEDS)
	@$(MAKE) --jobs=3 deb $(addprefix tree-,$(TREES))
	RUST_TEST_THREADS=$(THREADS) cargo test --locked --no-fail-fast --test systems -- containers::programs::

# The machines that tests boot, one after the other, as each is a few hundred megabytes.
.PHONY: machines
machines:
	@scripts/systems/tree trixie emulator >/dev/null
	@for machine in $(foreach variant,logins apparmor selinux,$(addsuffix .$(variant),$(TREES))); do \
	    scripts/systems/image $${machine%.*} $${machine#*.} >/dev/null || exit 1; done

.PHONY: $(addprefix tree-,$(TREES))
$(addprefix tree-,$(TREES)): tree-%:
	scripts/systems/tree $*

check-trixie:
	@scripts/systems/check-trixie

# In the profile of mutation testing: what does not change is optimized, what does is built at once.
quick:
	@scripts/ready
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo test --quiet --locked --profile mutants --no-default-features --features module --lib --test pure

demo: ready-as-root
	@scripts/need $(DEMO_NEEDS)
	@$(MAKE) all
	@demo/run

bench: ready-as-root
	@scripts/need $(BENCH_NEEDS)
	@$(MAKE) all
	@benches/run $(if $(BENCH_QUICK),--quick)

# What `make check` tries in seconds, tests/pure/corpora.rs, here for minutes: every target, two at once. A target is a file
# there, a line in fuzz/Cargo.toml and one in tests/pure/invariants/mod.rs.
FUZZ_SECONDS = 400
TARGETS = $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
# Mutation testing builds all for every change: none of it is in `make check`. Each day another shard, for so long.
MUTANTS_MINUTES = 6
SHARDS = 12
PAM_TOTP_SHARD ?= $(shell expr `date +%j` % $(SHARDS))

.PHONY: properties fuzz mutants mutants-shard
# What it tries, and why, is the table of docs/promises.md.
torture: all
	@scripts/torture

# Every property of the pure files with sixteen times as many cases.
properties:
	PAM_TOTP_TORTURE=1 PROPTEST_CASES=4000 cargo test --locked --profile mutants --no-default-features \
	    --features module --lib --test pure

fuzz:
	@scripts/need g++
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz@0.13.2
	RUSTC_BOOTSTRAP=1 cargo fuzz build
	@printf '%s\n' $(TARGETS) | xargs -P 2 -I NAME scripts/fuzz NAME $$(($(FUZZ_SECONDS) * 2 / $(words $(TARGETS))))

mutants mutants-shard:
	@cargo mutants --version >/dev/null 2>&1 || cargo install --locked cargo-mutants@27.1.0
	@scripts/mutants $(if $(filter mutants-shard,$@),$(MUTANTS_MINUTES) $(PAM_TOTP_SHARD)/$(SHARDS))

install: all
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' MODULEDIR='$(MODULEDIR)' DOCDIR='$(DOCDIR)' scripts/install '$(MODULE)' '$(PROGRAM)' '$(DAEMON)'

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' MODULEDIR='$(MODULEDIR)' DOCDIR='$(DOCDIR)' scripts/uninstall

.PHONY: dist deb deb-source rpm check-rpm
dist:
	@scripts/need $(DIST_NEEDS)
	@command -v npm >/dev/null || scripts/need nodejs npm
	@scripts/dist

# The archive is all that it is built from.
rpm: dist
	@scripts/need $(RPM_NEEDS)
	@scripts/ready
	@scripts/rpm

check-rpm: ready-as-root rpm
	@scripts/need debootstrap oathtool strace util-linux
	scripts/systems/rpm "$$(scripts/systems/tree bookworm)"

deb deb-source:
	@scripts/need $(DEB_NEEDS)
	@command -v npm >/dev/null || scripts/need nodejs npm
	@scripts/ready
	@scripts/deb $(if $(filter deb-source,$@),--source)
