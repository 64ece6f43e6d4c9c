#!/bin/sh
# A failed check in a program on the host prints its sentence, once and whole, and aborts.
set -u
program=$TUTTI_LINUX/tests/base/fails
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0

expect() { # expect SENTENCE WORD...
    echo "$1" >"$scratch/expected"
    shift
    (exec "$program" "$@" >"$scratch/out" 2>"$scratch/said") 2>/dev/null # where the shell says what it saw
    status=$?
    [ "$status" -eq 134 ] || { echo "it ended with $status, expected 134, the signal ABRT"; exit 1; }
    cmp "$scratch/said" "$scratch/expected" || { echo "it said: $(cat "$scratch/said")"; exit 1; }
}

expect "check failed: tests/base/fails.c:13: count == 2"
expect "check failed: a/b.c:1234567: x > 0" a/b.c "x > 0"
long=$(printf '%600s' | tr ' ' x)
expect "check failed: $(printf '%.497s' "$long")" "$long" "x > 0" # cut, and yet a line
"$program" word >"$scratch/out" 2>&1 || { echo "it failed where the check held: $(cat "$scratch/out")"; exit 1; }
echo "a failed check says what failed"
