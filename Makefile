# make             the module and the programs
# make check       installs what is missing, formats, lints, builds, runs every test (as root: they start real sshds)
# make demo        installs what is missing, then tells a login with a code, start to end, in a throw-away system
# make torture     fuzzes the three readers, breaks the heart on purpose to see that a test notices, and runs the tests that
#                  can go on and on (hours)
# make install     [PREFIX=/usr/local] [MODULEDIR=...] [DESTDIR=...]
# make uninstall   keeps keys, records and the policy

PREFIX ?= /usr/local
# Whatever the prefix, libpam looks into one folder only: where the distribution's own modules are.
MODULEDIR ?= $(realpath $(dir $(firstword $(wildcard $(addsuffix /security/pam_unix.so, \
    /usr/lib/$(TRIPLET) /lib/$(TRIPLET) /usr/lib64 /lib64 /usr/lib /lib)))))
TRIPLET = $(shell gcc -print-multiarch 2>/dev/null)

MODULE = target/module/release/libpam_totp.so
PROGRAM = target/release/pam-totp
DAEMON = target/release/pam-totpd
SOURCES = build.rs Cargo.toml Cargo.lock $(shell find src -name '*.rs')

DEMO_NEEDS = gcc iproute2 libpam0g-dev login openssh-client openssh-server passwd python3 util-linux
CHECK_NEEDS = $(DEMO_NEEDS) adduser binutils libfaketime libpam-modules man-db oathtool python3-pil strace sudo systemd tmux \
    valgrind zbar-tools
# Applications that log in by PAM, and who logs into them.
CHECK_NEEDS += chromium cockpit-bridge cockpit-system cockpit-ws curl dbus-daemon rsync vsftpd

# cargo's own tools, for a shell that does not look there; behind the rest, so that no choice of the user's is overruled.
export PATH := $(PATH):$(HOME)/.cargo/bin
# No noise between what a check or a demo says.
MAKEFLAGS += --no-print-directory

.PHONY: all check demo torture install uninstall
all: $(MODULE) $(PROGRAM) $(DAEMON)

# Both say where to build: CARGO_TARGET_DIR may be set to another place.
# cargo leaves a file that it finds fresh as old as it was; touched, `sudo make install` needs no cargo.
$(MODULE): $(SOURCES)
	cargo build --release --locked --lib --no-default-features --features module --target-dir target/module
	@touch $@

$(PROGRAM): $(SOURCES)
	cargo build --release --locked --no-default-features --features cli --bins --target-dir target
	@touch $@

# Built with it.
$(DAEMON): $(PROGRAM)
	@touch $@

# What drives Chromium in the tests. The last that npm writes is its own copy of the lock.
BROWSER = tests/support/browser
.PHONY: browser
browser: $(BROWSER)/node_modules/.package-lock.json
$(BROWSER)/node_modules/.package-lock.json: $(BROWSER)/package-lock.json
	npm ci --prefix $(BROWSER) --ignore-scripts --no-audit --no-fund
	@touch $@

check:
	@scripts/need $(CHECK_NEEDS)
	@command -v npm >/dev/null || scripts/need nodejs npm
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked --debug cargo-deny@0.20.2
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --lib --no-default-features --features module -- -D warnings
	cargo clippy --locked --lib --no-default-features -- -D warnings
	cargo fetch --locked
	cargo deny --offline check bans licenses sources
	@$(MAKE) all
	cargo test --locked --no-fail-fast

demo:
	@scripts/need $(DEMO_NEEDS)
	@$(MAKE) all
	@demo/run

FUZZ = RUSTC_BOOTSTRAP=1 cargo fuzz run $(1) fuzz/corpus/$(1) fuzz/seeds/$(1) -- -max_total_time=300 -max_len=9000
PURE = attempt throttle state otp enrollment secret backup source access pam/flow door/message door/wire
PURE_TESTS = heart:: record:: rfc:: enrollment:: flow:: throttle:: backup:: source:: access:: wire::
# What goes on longer here than at each check, and prints what it measures.
LONG_TESTS = races:: memory:: timing::

torture:
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz@0.13.2
	@cargo mutants --version >/dev/null 2>&1 || cargo install --locked cargo-mutants@27.1.0
	@mkdir -p fuzz/corpus/record fuzz/corpus/enrollment fuzz/corpus/wire
	$(call FUZZ,record)
	$(call FUZZ,enrollment)
	$(call FUZZ,wire)
	cargo mutants $(PURE:%=-f src/%.rs) -- --locked --lib --test promises -- $(PURE_TESTS)
	PAM_TOTP_TORTURE=1 cargo test --locked --test promises -- $(LONG_TESTS) --nocapture

install: all
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' MODULEDIR='$(MODULEDIR)' scripts/install '$(MODULE)' '$(PROGRAM)' '$(DAEMON)'

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' MODULEDIR='$(MODULEDIR)' scripts/uninstall
