#!/bin/sh
# The table of misuse in docs/kernel.md is what happens on a machine, row by row.
# usage: test_misuse.sh MACHINE
set -u
here=$(dirname "$0")
output=$(mktemp) || exit 2
trap 'rm -f "$output" "$output.rows" "$output.table"' EXIT
"$here/run_image.sh" "$1" test_misuse 0 "misuse: all passed" >"$output"
code=$?
cat "$output"
[ $code -eq 0 ] || exit $code
tr -d '\r' <"$output" | grep '^| `tt_' | sort >"$output.rows"
grep '^| `tt_' "$here/../../docs/kernel.md" | sort >"$output.table"
diff "$output.table" "$output.rows" && exit 0
echo "test_misuse: docs/kernel.md (<) says otherwise than $1 does (>)"
exit 1
