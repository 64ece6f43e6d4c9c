#!/bin/sh
# A Linux device whose output's reader goes, or stands still: it goes on to its end all the same.
set -u
image=$TUTTI_LINUX/tests/os/test_console
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
failed=0

ended() { # WHAT: the device's own status
    [ "$(cat "$scratch/code" 2>/dev/null)" = 0 ] || {
        echo "test_console_pipe: $1: status $(cat "$scratch/code" 2>/dev/null || echo none), expected 0"
        failed=1
    }
    rm -f "$scratch/code"
}

{ timeout 60 "$image"; echo $? >"$scratch/code"; } 2>/dev/null | head -n 1 >"$scratch/first"
tries=0
while [ ! -s "$scratch/code" ] && [ $((tries += 1)) -le 600 ]; do sleep 0.1; done
ended "a reader that goes"
grep -Eqx '[abi]{100}' "$scratch/first" || { echo "test_console_pipe: the first line: $(cat "$scratch/first")"; failed=1; }

# 70 KB are more than a pipe holds. Nothing is read before the device has ended.
{ timeout 60 "$image"; echo $? >"$scratch/code"; } 2>/dev/null | {
    tries=0
    while [ ! -s "$scratch/code" ] && [ $((tries += 1)) -le 600 ]; do sleep 0.1; done
    wc -c >"$scratch/bytes"
}
ended "a reader that stands still"
[ "$(cat "$scratch/bytes")" -ge 32768 ] || { echo "test_console_pipe: the pipe held $(cat "$scratch/bytes") bytes"; failed=1; }

[ $failed -eq 0 ] && echo "the device went on without a reader"
exit $failed
