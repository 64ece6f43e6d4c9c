#!/bin/sh
# What a device acknowledged is there after its power was cut: its model, which answers with the same bits without a new
# upload; values under /data; the count of its starts. (A transfer that is cut midway: tests/demo/kill_midway.c.)
# usage: test_kept.sh KIND
set -u
kind=$1
. "$(dirname "$0")/../fleet.sh"
need_emulator "$kind"
failed=0
fail() {
    echo "test_kept $kind: $1"
    failed=1
}
"$TUTTI_LINUX/tests/products/test_made_plan" "$scratch" >"$scratch/said" || { cat "$scratch/said"; exit 1; }
start_device "$kind"
model=coap://$address/ai/models/made-up
ask() { # ask METHOD PATH WORD...: what it says is in said
    method=$1 path=$2
    shift 2
    timeout 60 "$tutti" "$method" "coap://$address/$path" "$@" >"$scratch/said" 2>&1
}
says() {
    grep -qF -- "$1" "$scratch/said" || { fail "expected '$1', got:"; cat "$scratch/said"; }
}
runs() { # runs WHEN: the made-up network's bits
    for i in 0 1 2 3 4; do
        timeout 60 "$tutti" post "$model" "$scratch/image.$i" >"$scratch/got" 2>"$scratch/said"
        cmp -s "$scratch/got" "$scratch/logits.$i" || { fail "$1 image $i has other logits:"; cat "$scratch/said"; return; }
    done
}
starts() {
    ask get device
    sed 's/.*"starts": \([0-9]*\),.*/\1/' "$scratch/said"
}
cut_power() {
    "$tutti" kill "$kind-1" || fail "it was not killed"
    "$tutti" restart "$kind-1" || fail "it was not restarted"
}

began=$(date +%s%N)
if [ "$kind" = tv ]; then
    model=
else
    ask put ai/models/made-up "$scratch/plan"
    says "2.01 Created"
fi
ask put data/settings/volume --text 7
says "2.01 Created"
ask put data/notes/long --text "$(head -c 1500 /dev/zero | tr '\0' x)"
says "2.01 Created"
[ -z "$model" ] || runs "before:"
[ "$(starts)" = 1 ] || fail "the first start is not number 1: $(cat "$scratch/said")"
cut_power
[ -z "$model" ] || runs "after the power was cut:"
ask get data/settings/volume
[ "$(cat "$scratch/said")" = 7 ] || fail "the volume is $(cat "$scratch/said")"
ask get data/notes
says "</data/notes/long>;sz=1500"
[ "$(starts)" = 2 ] || fail "the second start is not number 2: $(cat "$scratch/said")"

if [ -n "$model" ]; then
    ask put ai/models/made-up "$scratch/plan2"
    says "2.04 Changed"
    cut_power
    ask post ai/models/made-up "$scratch/image.0"
    cmp -s "$scratch/said" "$scratch/logits.0" && fail "the old model is there again"
    ask delete ai/models/made-up
    says "2.02 Deleted"
fi
ask delete data/settings/volume
says "2.02 Deleted"
cut_power
ask get data/settings/volume
says "4.04 Not Found"
ask get ai/models
[ -z "$model" ] || [ ! -s "$scratch/said" ] || fail "a deleted model is there again: $(cat "$scratch/said")"
# Values without bytes take no key from what is the device's own.
if [ "$kind" = watch ]; then
    for i in $(seq 60); do
        ask put "data/$i" --text ''
        grep -q "no key is left" "$scratch/said" && break
    done
    says "no key is left: data/ may hold 40 keys, and has 40"
    ask put ai/models/made-up "$scratch/plan"
    says "2.01 Created"
fi
# Each start was counted, and left a pool of randomness of its own to the next, though the watch has no entropy.
python3 - "$TUTTI_NET/$kind-1.medium" "$(starts)" <<'END' || failed=1
import re, sys
with open(sys.argv[1], "rb") as file:
    found = re.findall(b"device/start(.{4})(.{32})", file.read(), re.S)
counts = sorted(int.from_bytes(count, "little") for count, _ in found)
pools = {pool for _, pool in found}
if counts != list(range(1, int(sys.argv[2]) + 1)) or len(pools) != len(counts) or bytes(32) in pools:
    print("starts on the medium:", counts, len(pools), "pools; the device says", sys.argv[2])
    sys.exit(1)
END
[ $failed -eq 0 ] && echo "$kind: kept, in $((($(date +%s%N) - began) / 1000000)) ms"
exit $failed
