#!/bin/sh
# A device that sleeps answers at once: a frame that came is an interrupt, and so is each after it. A driver that
# loses one still answers, at its loop's next turn, which is most of a second later.
# usage: test_answers.sh KIND
set -u
kind=$1
. "$(dirname "$0")/../fleet.sh"
need_emulator "$kind"
start_device "$kind"
for _ in $(seq 9); do
    sleep 0.3
    began=$(date +%s%N)
    "$tutti" get "coap://$address/device" >/dev/null || echo "no answer"
    echo $((($(date +%s%N) - began) / 1000000)) >>"$scratch/times"
done
median=$(sort -n "$scratch/times" | sed -n 5p)
echo "$kind: answers within ms: $(tr '\n' ' ' <"$scratch/times")"
[ "$median" -le 300 ] || { echo "half of them took $median ms or more, expected 300 at most"; exit 1; }
