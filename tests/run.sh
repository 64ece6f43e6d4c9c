#!/bin/sh
# Runs ctest on a build folder, prints why tests were skipped, and ends with ctest's own summary.
# usage: tests/run.sh BUILD [ctest argument...]
set -u
build=$1
shift
log=$build/Testing/Temporary/LastTest.log
summary=$build/summary.txt

ctest --test-dir "$build" --output-on-failure --no-label-summary -j 2 "$@" | tee "$summary.all" |
    sed '/tests passed,.* tests failed out of/,$d'
if grep -q '^skipped: ' "$log"; then
    echo
    echo "Skipped, and why:"
    grep '^skipped: ' "$log" | sort | uniq -c
fi
echo
sed -n '/tests passed,.* tests failed out of/,$p' "$summary.all"
grep -q '^100% tests passed' "$summary.all"
