#!/usr/bin/env bash
# The Autobahn test suite (autobahntestsuite 25.10.1) against the echo of a test build. It runs on
# Python 2.7 alone: PYTHON27 says where that is. Without arguments all cases of the groups that this
# server answers for are run; with arguments, those cases: tests/autobahn/run.sh '6.4.*' '7.*'
#
# tests/it/conformance has the same cases for everybody else.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
home=$target/autobahn

python() {
    local name
    for name in "${PYTHON27:-}" python2.7 "$HOME"/.pyenv/versions/2.7.*/bin/python2.7; do
        # A name may be there that only says where else to look.
        if [ -n "$name" ] && "$name" -c pass 2>/dev/null; then
            echo "$name"
            return 0
        fi
    done
    echo "Python 2.7 is not here: set PYTHON27 to where it is." >&2
    return 1
}

if ! [ -x "$home/bin/wstest" ]; then
    python=$(python)
    "$python" -m pip install --quiet --target "$home.seed" 'virtualenv==20.15.1'
    PYTHONPATH=$home.seed "$python" -m virtualenv --quiet "$home"
    "$home/bin/pip" install --quiet 'autobahntestsuite==25.10.1'
fi

cargo build --quiet --features faults
work=$(mktemp -d)
# The settings of the shell that runs this are for its own server.
# shellcheck disable=SC2086
unset ${!MOIM_@}
MOIM_LISTEN=127.0.0.1:0 MOIM_DATA_DIR=$work/data "$target/debug/moim" >"$work/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT

address=
for _ in $(seq 100); do
    address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$work/log")
    [ -n "$address" ] && break
    sleep 0.1
done
[ -n "$address" ] || { cat "$work/log" >&2; exit 1; }

"$home/bin/python" - "$address" "$home/reports" "$@" >"$work/spec.json" <<'PYTHON'
import json, sys
cases = sys.argv[3:] or ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '9.*', '10.*']
server = {'agent': 'moim', 'url': 'ws://%s/v1/echo' % sys.argv[1]}
print(json.dumps({'outdir': sys.argv[2], 'servers': [server], 'cases': cases,
                  'exclude-cases': [], 'exclude-agent-cases': {}}))
PYTHON
rm -rf "$home/reports"
"$home/bin/wstest" -m fuzzingclient -s "$work/spec.json" >"$work/out" 2>&1 ||
    { tail -20 "$work/out" >&2; exit 1; }

"$home/bin/python" - "$home/reports/index.json" <<'PYTHON'
import collections, json, sys
cases = json.load(open(sys.argv[1]))['moim']
counts = collections.Counter(case['behavior'] for case in cases.values())
told = ', '.join('%d %s' % (count, word) for word, count in sorted(counts.items()))
print('%d cases: %s' % (len(cases), told))
bad = [number for number, case in sorted(cases.items())
       if not {case['behavior'], case['behaviorClose']} <= {'OK', 'INFORMATIONAL'}]
for number in bad:
    print('%s: %s' % (number, cases[number]))
sys.exit(1 if bad or not cases else 0)
PYTHON
