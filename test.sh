#!/usr/bin/env bash
# Every test there is, from a fresh clone on: installs the tools that are missing, then checks form,
# lints, tests on SQLite and PostgreSQL, documentation, the page in a real browser, and a client
# in another language. Nothing is skipped: a tool that cannot be had is a failure.
set -euo pipefail
cd "$(dirname "$0")"

export CARGO_TERM_PROGRESS_WHEN=never
# The settings of the shell that runs this are for its own server.
# shellcheck disable=SC2086
unset ${!MOIM_@}
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac

# What a first build leaves for the next ones costs gigabytes, and a build server has no next ones.
[ -d "$target/debug" ] || export CARGO_INCREMENTAL=0

# ---- tools -------------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

stop() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

# As root, or through sudo; without a terminal sudo must not ask.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

has_postgres() {
    has postgres && has initdb && has pg_isready && return 0
    local bin
    for bin in /usr/lib/postgresql/*/bin; do
        [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && return 0
    done
    return 1
}

# The first browser that drives like Chromium.
browser() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
        if [ -n "$name" ] && has "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

has_python() { has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }

# The tests use what came with Node 20.11.
has_node() {
    has node && has npm && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1);' 2>/dev/null
}

# Names of Debian packages for what is missing.
missing() {
    has cc || echo build-essential
    has git || echo git
    has redis-server || has valkey-server || echo redis-server
    has_postgres || echo postgresql
    browser >/dev/null || echo chromium
    has_python || echo python3 python3-venv
    has node || echo nodejs
    has npm || echo npm
}

install_tools() {
    has cargo || stop "Rust is missing: see https://rustup.rs, then run this again."
    local wanted
    wanted=$(missing | tr '\n' ' ')
    if [ -n "$wanted" ]; then
        if ! has apt-get; then
            stop "Please install these (the names are Debian's), then run this again: $wanted"
        fi
        echo "installing: $wanted"
        # shellcheck disable=SC2086
        as_root env DEBIAN_FRONTEND=noninteractive sh -c \
            'apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@" >/dev/null' \
            install $wanted </dev/null || stop "These could not be installed: $wanted"
    fi
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        has rustup || stop "Please install rustfmt and clippy for your Rust, then run this again."
        rustup --quiet component add rustfmt clippy
    fi
    if ! has_node; then
        # What the system has is too old; one of our own, beside the build.
        if ! [ -x "$target/node/node_modules/node/bin/node" ]; then
            echo "installing: Node 22, in ${target#"$PWD"/}/node"
            npm install --prefix "$target/node" --no-audit --no-fund --no-package-lock \
                --loglevel=error --no-save node@22 >/dev/null
        fi
        export PATH="$target/node/node_modules/node/bin:$PATH"
        has_node || stop "Please install Node 20.11 or newer, then run this again."
    fi
    CHROMIUM=$(browser) || stop "Please install Chromium, then run this again."
    export CHROMIUM
}

install_packages() {
    cargo fetch --locked --quiet
    if ! (cd tests/browser && npm ls --depth=0 >/dev/null 2>&1); then
        (cd tests/browser &&
            npm install --no-audit --no-fund --no-package-lock --loglevel=error >/dev/null)
    fi
    if ! "$target/venv/bin/python" -c 'import schemathesis, websockets' 2>/dev/null; then
        python3 -m venv "$target/venv"
        "$target/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            'schemathesis>=4.32,<5' 'websockets>=13'
    fi
}

# ---- steps -------------------------------------------------------------------------------------

rust_tests() {
    # Tests at the front door mostly wait: more of them than cores at a time.
    (
        export REQUIRE_POSTGRES=1 REQUIRE_REDIS=1 REQUIRE_BROWSER=1
        all="cargo test --workspace --all-features --no-fail-fast"
        passed=0
        $all --lib --bins --test '[!i]*' || passed=1
        $all --test it -- --test-threads=8 || passed=1
        exit $passed
    ) 2>&1 </dev/null | tee "$target/rust.log"
}

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace --quiet; }

page_tests() {
    (cd tests/browser && NODE_OPTIONS=--test-reporter=spec MOIM_BIN="$target/debug/moim" \
        npm --silent test) 2>&1 </dev/null | tee "$target/page.log"
}

python_tests() {
    (cd tests/python &&
        MOIM_BIN="$target/debug/moim" "$target/venv/bin/python" -B -m unittest -v \
            chat events refusals) </dev/null
}

described_calls() {
    MOIM_BIN="$target/debug/moim" "$target/venv/bin/python" -B tests/openapi/run.py </dev/null
}

began=$SECONDS
failed=()

step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n==== %s\n' "$name"
    if "$@"; then
        printf '==== %s: passed (%d s)\n' "$name" $((SECONDS - start))
    else
        printf '==== %s: FAILED (%d s)\n' "$name" $((SECONDS - start))
        failed+=("$name")
    fi
}

# Tests that ran, by what each runner says of itself.
count() {
    awk '/^test result:/ { rust += $4 } END { printf "%d Rust tests", rust }' "$target/rust.log"
    awk '/^(#|ℹ) pass / { page += $3 } END { printf ", %d tests of the page", page }' "$target/page.log"
}

mkdir -p "$target"
install_tools
install_packages

step "form (cargo fmt)" cargo fmt --all --check
step "lints (cargo clippy)" \
    cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings
step "tests (cargo test)" rust_tests
step "documentation (cargo doc)" documentation
step "the page (npm test)" page_tests
step "a client in Python" python_tests
step "the calls against their description (Schemathesis)" described_calls

took=$(((SECONDS - began + 30) / 60))
if [ ${#failed[@]} -gt 0 ]; then
    printf '\nFAILED after %d min:' "$took"
    printf ' [%s]' "${failed[@]}"
    printf '\n'
    exit 1
fi
printf '\nPASSED: form, lints, %s, documentation, a client in Python, and the calls, in %d min\n' "$(count)" "$took"
