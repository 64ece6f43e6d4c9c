#!/bin/sh
# Runs ctest on a build folder, prints why tests were skipped and which took longest, and ends with ctest's own
# summary.
# usage: tests/run.sh BUILD [ctest argument...]
set -u
build=$1
shift
results=$build/results.xml # with what each test printed
shown=$build/summary.txt

ctest --test-dir "$build" --output-on-failure --no-label-summary --output-junit results.xml -j 2 "$@" |
    tee "$shown" | sed '/tests passed,.* tests failed out of/,$d'
if grep -q 'skipped: ' "$results"; then
    echo
    echo "Skipped, and why:"
    sed -n 's/.*\(skipped: .*\)/\1/p' "$results" | sed 's/<.*//' | sort | uniq -c
fi
echo
echo "The ten longest tests, in seconds:"
sed -n 's/^[[:space:]]*<testcase name="\([^"]*\)".* time="\([0-9.]*\)".*/\2 \1/p' "$results" | sort -rn | head -n 10 |
    awk '{ printf "%8.1f  %s\n", $1, $2 }'
echo
sed -n '/tests passed,.* tests failed out of/,$p' "$shown"
grep -q '^100% tests passed' "$shown"
