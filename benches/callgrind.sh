#!/bin/sh
# Instructions per operation, counted by valgrind: a figure that a busy machine does not disturb.
#
#   benches/callgrind.sh [ROW...]                 on gosched, with one worker
#   CONTESTANT=kanal@tokio benches/callgrind.sh spsc/cap128
#   PROCS=2 benches/callgrind.sh yield
#
# Each row runs twice with different numbers of operations; the difference is free of what starting up costs. It is
# the whole process that is counted, every thread of it: with more than one worker, searching for work counts too.
set -eu

cd "$(dirname "$0")"
contestant=${CONTESTANT:-gosched}
procs=${PROCS:-1}
few=${FEW:-10000}
many=${MANY:-30000}

command -v valgrind >/dev/null || { echo "valgrind is needed" >&2; exit 1; }
cargo build --release --quiet ${CARGO_FLAGS:-}
program=${CARGO_TARGET_DIR:-target}/release/gosched-bench

[ $# -gt 0 ] || set -- spawn spawn+join yield ping-pong/cap0 spsc/cap128 4x4/cap128 select2/cap0 select2/cap128

report=$(mktemp)
trap 'rm -f "$report"' EXIT

# Prints the instructions of one whole run, and the operations that it did.
count() {
    line=$(SMOL_THREADS=$procs valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$report" \
        "$program" run "$1" "$contestant" --procs "$procs" --ops "$2") || return 1
    instructions=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$report")
    echo "$instructions ${line##* }"
}

printf '| instructions per operation, %s, %s worker(s) | |\n|---|---:|\n' "$contestant" "$procs"
for row in "$@"; do
    # A row that the contestant does not do says so on standard error.
    small=$(count "$row" "$few") && large=$(count "$row" "$many") || { echo "| $row | – |"; continue; }
    echo "$row $small $large" |
        awk '{ printf "| %s | %.1f |\n", $1, ($4 - $2) / ($5 - $3) }'
done
