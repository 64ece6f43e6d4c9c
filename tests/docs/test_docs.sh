#!/bin/sh
# Every ```sh block of README.md and docs/*.md is tested. The line before it says how:
#
#     <!-- test: run -->        this test runs the page's blocks, in order, in one shell with set -eu,
#                               in a scratch folder, with `tutti` and the repository's root in $TUTTI
#     <!-- test: NAME -->       the commands are those of the test NAME, which must exist; README.md's
#                               ./run test is what runs all of this
#
# A block without such a line fails, so that no command can be written that nothing runs.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
linux=${TUTTI_LINUX:-$root/build/linux}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ctest --test-dir "$linux" -N | sed -n 's/^ *Test *#[0-9]*: //p' >"$scratch/tests"
failed=0

for page in "$root"/README.md "$root"/docs/*.md; do
    name=${page#"$root"/}
    awk -v script="$scratch/script" -v names="$scratch/names" -v page="$name" '
        BEGIN { printf "" >script; printf "" >names }
        /^<!-- test: .* -->$/ { how = $3; next }
        /^```sh$/ {
            if (how == "") { print page ":" NR ": a block of commands says no test"; exit 1 }
            if (how != "run") print how >names
            inside = 1; running = how == "run"; how = ""; next
        }
        /^```/ { inside = 0; running = 0; next }
        inside && running { print >script }
        !/^$/ && !inside { how = "" }
    ' "$page" || failed=1
    while read -r test; do
        grep -qx "$test" "$scratch/tests" || { echo "$name: there is no test named $test"; failed=1; }
    done <"$scratch/names"
    [ -s "$scratch/script" ] || continue
    mkdir -p "$scratch/work"
    echo "running the commands of $name"
    (cd "$scratch/work" && TUTTI=$root PATH=$linux/cli:$PATH sh -eu "$scratch/script") >"$scratch/output" 2>&1 || {
        echo "$name: a command failed; what its page's commands printed:"
        tail -n 30 "$scratch/output"
        failed=1
    }
    rm -rf "$scratch/work"
done
exit $failed
