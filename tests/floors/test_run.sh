#!/bin/sh
# What tests/run.sh says of a run: the ten longest tests in their order, why one was skipped, ctest's summary
# and its status. The run is a made-up one of twelve tests.
set -u
run=$(cd "$(dirname "$0")/.." && pwd)/run.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
    echo "test_run: $1:"
    sed 's/^/    /' "$scratch/said"
    failed=1
}
for i in 0 1 2 3 4 5 6 7 8 9; do
    echo "add_test(sleeps_0.$i sleep 0.$i)"
done >"$scratch/CTestTestfile.cmake"
{
    echo 'add_test(sleeps_1.1 sleep 1.1)'
    echo 'add_test(skips sh "-c" "echo skipped: no reason; exit 77")'
    echo 'set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)'
} >>"$scratch/CTestTestfile.cmake"

"$run" "$scratch" >"$scratch/said" 2>&1 || fail "a good run has another status"
grep -q "^ *1 skipped: no reason" "$scratch/said" || fail "why one was skipped"
grep -q "^100% tests passed, 0 tests failed out of 1[12]" "$scratch/said" || fail "the summary"
sed -n '/^The ten longest tests, in seconds:$/,/^$/p' "$scratch/said" | awk 'NF == 2 { print $2 }' >"$scratch/order"
for name in sleeps_1.1 sleeps_0.9 sleeps_0.8 sleeps_0.7 sleeps_0.6 sleeps_0.5 sleeps_0.4 sleeps_0.3; do
    echo $name # those below lie too near to one another for a loaded machine
done >"$scratch/expected"
head -n 8 "$scratch/order" | sort >"$scratch/first"
sort "$scratch/expected" | cmp -s - "$scratch/first" && [ "$(wc -l <"$scratch/order")" -eq 10 ] || fail "the longest"
[ "$(head -n 1 "$scratch/order")" = sleeps_1.1 ] || fail "the longest is not the first"

echo 'add_test(fails false)' >>"$scratch/CTestTestfile.cmake"
"$run" "$scratch" -R 'fails|sleeps_0.1' >"$scratch/said" 2>&1 && fail "a failure went unnoticed"
grep -q "^50% tests passed, 1 tests failed out of 2" "$scratch/said" || fail "the summary of a failure"
exit $failed
