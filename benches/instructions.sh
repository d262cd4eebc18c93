#!/bin/sh
# Instructions of one decision, counted by callgrind: they repeat to the last digit where nanoseconds drift.
# Usage: benches/instructions.sh [DECISIONS]. Needs valgrind; says so and succeeds where there is none.
set -eu
cd "$(dirname "$0")/.."
decisions=${1:-20000}

if ! command -v valgrind >/dev/null 2>&1; then
    echo "instructions: skipped, valgrind is not installed"
    exit 0
fi

# Symbols tell callgrind where to count; the code is the release profile's.
CARGO_PROFILE_RELEASE_STRIP=none cargo build --quiet --release -p tenantry-benches --example drive
drive=${CARGO_TARGET_DIR:-target}/release/examples/drive
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

count() { # stack tenants endpoints → instructions per decision
    timeout 300 valgrind --tool=callgrind --callgrind-out-file="$out/callgrind" \
        --collect-atstart=no --toggle-collect="*counted_$1*" "$drive" "$1" "$2" "$3" "$decisions" \
        >/dev/null 2>"$out/log" || { cat "$out/log" >&2; exit 1; }
    awk -v n="$decisions" '/^(summary|totals):/ { printf "%.0f", $2 / n; exit }' "$out/callgrind"
}

echo
echo "== Instructions of one decision (callgrind, $decisions decisions; budget 230)"
printf '%-22s %10s %10s %10s\n' "tenants × endpoints" tenantry floor "tower &mut"
for shape in "1 10" "10000 10" "10000 1000"; do
    set -- $shape
    printf '%-22s %10s %10s %10s\n' "$1 x $2" "$(count tenantry "$1" "$2")" "$(count floor "$1" "$2")" "$(count tower "$1" "$2")"
done

echo
echo "== Instructions of one check of a rate, 10k tenants (callgrind, $decisions checks)"
printf '%-22s %10s %10s\n' "by id" "by handle" "governor String"
printf '%-22s %10s %10s\n' "$(count check 10000 1)" "$(count handle 10000 1)" "$(count governor 10000 1)"
