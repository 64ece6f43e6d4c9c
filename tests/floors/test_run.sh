#!/bin/sh
# What tests/run.sh says of a run: the ten longest tests in their order, why one was skipped, ctest's summary
# and its status.
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
longest() {
    sed -n '/^The ten longest tests, in seconds:$/,/^$/p' "$scratch/said" | awk 'NF == 2 { print $2 }'
}

# A run of ctest itself, of twelve tests that do nothing.
for i in 0 1 2 3 4 5 6 7 8 9 10; do
    echo "add_test(nothing_$i true)"
done >"$scratch/CTestTestfile.cmake"
{
    echo 'add_test(skips sh "-c" "echo skipped: no reason; exit 77")'
    echo 'set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)'
} >>"$scratch/CTestTestfile.cmake"
"$run" "$scratch" >"$scratch/said" 2>&1 || fail "a good run has another status"
grep -q "^ *1 skipped: no reason" "$scratch/said" || fail "why one was skipped"
grep -q "^100% tests passed, 0 tests failed out of 1[12]" "$scratch/said" || fail "the summary"
[ "$(longest | sort -u | grep -c '^nothing_[0-9]*$\|^skips$')" -eq 10 ] || fail "not ten tests are listed"
echo 'add_test(fails false)' >>"$scratch/CTestTestfile.cmake"
"$run" "$scratch" -R 'fails|nothing_1$' >"$scratch/said" 2>&1 && fail "a failure went unnoticed"
grep -q "^50% tests passed, 1 tests failed out of 2" "$scratch/said" || fail "the summary of a failure"

# The order, from times as ctest writes them: one test's output holds what looks like another test.
cat >"$scratch/ctest" <<'END'
#!/bin/sh
{
    echo '<testsuite name="Linux" tests="12" failures="0" time="9999">'
    for time in 0.5 120 7.25 33.0625 0.01 9 100.5 1e-05 8 2 99.75 3; do
        printf '\t<testcase name="takes_%s" classname="takes" time="%s" status="run">\n' $time $time
        printf '\t\t<system-out>said time="500"\n</system-out>\n\t</testcase>\n'
    done
    echo '</testsuite>'
} >"$2/results.xml"
echo "100% tests passed, 0 tests failed out of 12"
END
chmod +x "$scratch/ctest"
PATH="$scratch:$PATH" "$run" "$scratch" >"$scratch/said" 2>&1 || fail "the made-up run"
[ "$(longest | tr '\n' ' ')" = "takes_120 takes_100.5 takes_99.75 takes_33.0625 takes_9 takes_8 takes_7.25 takes_3 \
takes_2 takes_0.5 " ] || fail "the ten longest in their order"
grep -q '^   120.0  takes_120$' "$scratch/said" || fail "the time of the longest"
exit $failed
