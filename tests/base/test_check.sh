#!/bin/sh
# A failed check in a program on the host prints its sentence, once and whole, and aborts.
set -u
program=$TUTTI_LINUX/tests/base/fails
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0
(exec "$program" >"$scratch/out" 2>"$scratch/said") 2>/dev/null # where the shell says what it saw
status=$?
[ "$status" -eq 134 ] || { echo "it ended with $status, expected 134, the signal ABRT"; exit 1; }
sentence=$(cat "$scratch/said")
[ "$sentence" = "check failed: tests/base/fails.c:11: count == 2" ] || { echo "it said: $sentence"; exit 1; }
"$program" word >"$scratch/out" 2>&1 || { echo "it failed where the check held: $(cat "$scratch/out")"; exit 1; }
echo "a failed check says what failed"
