#!/bin/sh
# ./run mutate on a planted house whose outcome is known: what it calls alive, killed and equivalent, that
# an interrupt loses nothing, and that neither a source nor a process is left behind.
set -u
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
    echo "$1"
    failed=1
}
mutate() { # mutate ROOM LIST WORD...
    room=$1
    list=$2
    shift 2
    "$here/../../tools/mutate/mutate.py" "$room" --root "$scratch/house" --equivalents "$here/planted/$list" "$@"
}

cp -r "$here/planted" "$scratch/house"
cmake -G Ninja -S "$scratch/house" -B "$scratch/house/build/linux" >"$scratch/log" 2>&1 &&
    ninja -C "$scratch/house/build/linux" >>"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }

# Interrupted after the third answer: it says so, and has them on disk.
results=$scratch/house/build/mutate/room/results.jsonl
python3 - "$here/../../tools/mutate/mutate.py" "$results" "$scratch" <<'END' || failed=1
import os, signal, subprocess, sys, time
tool, results, scratch = sys.argv[1:]
run = subprocess.Popen([tool, "room", "--root", scratch + "/house", "--all", "--jobs", "1"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True)
end = time.monotonic() + 100
while time.monotonic() < end and not (os.path.exists(results) and len(open(results).readlines()) >= 6):
    time.sleep(0.05)
run.send_signal(signal.SIGINT)
said = run.communicate(timeout=20)[1]
if run.returncode != 130 or "goes on from here" not in said:
    sys.exit(f"the interrupted run ended with {run.returncode} and said: {said}")
END
[ -s "$results" ] || fail "an interrupt left no results"

# It goes on, and finds what is planted; asked again it has nothing to do.
mutate room equivalent.txt --all >"$scratch/out" 2>"$scratch/err" || fail "status $? of a run that is well"
sed -n '/^room/,/^mutate/p' "$scratch/out" | sed '/^mutate/d' | diff "$here/planted/expected.txt" - ||
    fail "the survivors are others"
for line in "31 of 36 killed, 5 survived; 1 more are equivalent (2.7 %)" "bench mutate.room 86.1 percent_killed" \
    "37 mutants count, of 52"; do
    grep -qF -- "$line" "$scratch/out" || { cat "$scratch/out"; fail "the report lacks: $line"; }
done
grep -q 'tried [0-9]* of 3[5-7]$' "$scratch/err" && fail "it began anew after the interrupt: $(cat "$scratch/err")"
mutate room equivalent.txt --all 2>&1 | grep -q 'tried' && fail "it tries again what it knows"

# A room that computes is broken in the ways of arithmetic, too, which a loose test does not see.
mutate ai/lite equivalent.txt --all >"$scratch/out" 2>/dev/null
sed -n '/^ai/,/^mutate/p' "$scratch/out" | sed '/^mutate/d' | diff "$here/planted/expected_numbers.txt" - ||
    fail "the survivors among numbers are others"

# A sample is the seed's. A list that is wrong is said, and fails.
mutate room equivalent.txt --sample 9 --seed 4 >"$scratch/one" 2>/dev/null
mutate room equivalent.txt --sample 9 --seed 4 >"$scratch/two" 2>/dev/null
cmp "$scratch/one" "$scratch/two" || fail "the same seed drew another sample"
grep -q ' 9 mutants count, of [0-9]*, drawn by seed 4;' "$scratch/one" || fail "the sample is not said"
mutate room wrong.txt --all >"$scratch/out" 2>&1 && fail "a wrong list of equivalents passes"
grep -q 'listed as equivalent, but a test sees it' "$scratch/out" || fail "a killed equivalent is not said"
grep -q 'there is no such mutant any more' "$scratch/out" || fail "a stale equivalent is not said"

diff -r -x build "$here/planted" "$scratch/house" || fail "the sources changed"
grep -sl "$scratch/hous[e]" /proc/[0-9]*/cmdline && fail "a process is left"
[ "$failed" -eq 0 ] && echo "mutate: as planted"
exit "$failed"
