#!/bin/sh
# What `tutti train` shows: one plain line an epoch into a pipe, one line that lives on a terminal (which
# script(1) plays). The second training resumes the first, whose seed it keeps.
set -u
tutti=$TUTTI_LINUX/cli/tutti
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
    echo "test_progress: $1"
    failed=1
}
command -v script >/dev/null || { echo "skipped: script (bsdutils) is not installed"; exit 77; }
line='epoch +[0-9]+/[0-9]+ +[0-9]+ % +[0-9]+ images/s  loss [0-9.]+  training +[0-9.]+ %'
left='  ([0-9]+ min )?[0-9]+ s left'

"$tutti" train --epochs 1 --images 30000 --seed 7 --out "$scratch/one" 2>"$scratch/plain"
code=$?
if [ $code -eq 4 ]; then
    echo "skipped: no data set: $(cat "$scratch/plain")"
    exit 77
fi
cat "$scratch/plain"
[ $code -eq 0 ] || fail "exit code $code"
[ "$(wc -l <"$scratch/plain")" -eq 2 ] || fail "a pipe gets one line an epoch and one at the end"
head -n 1 "$scratch/plain" | grep -qE "^$line  test +[0-9.]+ %$left\$" || fail "the line of the epoch"
grep -q "$(printf '[\r\033]')" "$scratch/plain" && fail "control characters in a pipe"

TERM=xterm script -qec "'$tutti' train --resume '$scratch/one' --extend 2 --out '$scratch/two' --history '$scratch/history'" \
    /dev/null >"$scratch/live" </dev/null || fail "the second training: $(cat "$scratch/live")"
tr '\r' '\n' <"$scratch/live" | sed "s/$(printf '\033')\[K//g" >"$scratch/lines"
updates=$(grep -cE "^$line$left\$" "$scratch/lines")
echo "$updates updates on a terminal, the last line: $(grep -E "^$line  test" "$scratch/lines")"
[ "$updates" -ge 4 ] || fail "a terminal sees the line change"
[ "$(grep -cE "^$line  test +[0-9.]+ %$left\$" "$scratch/lines")" -eq 1 ] || fail "one lasting line an epoch"
grep -q 'epoch  1/2' "$scratch/lines" && fail "the first epoch is not done again"
grep -q '"seed": *7[^0-9]' "$scratch/history" || fail "the history states the checkpoint's seed"
exit $failed
