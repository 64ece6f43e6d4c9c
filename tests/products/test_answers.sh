#!/bin/sh
# A device that sleeps answers at once: a frame that came is an interrupt, and so is each after it. A driver that
# loses one still answers, at its loop's next turn, which is most of a second later.
# usage: test_answers.sh KIND
set -u
kind=$1
tutti=$TUTTI_LINUX/cli/tutti
scratch=$(mktemp -d)
launcher=
end() {
    [ -n "$launcher" ] && kill -INT "$launcher" 2>/dev/null && wait "$launcher"
    rm -rf "$scratch"
}
trap end EXIT
case $kind in
watch) emulator=qemu-system-arm ;;
car) emulator=qemu-system-riscv64 ;;
tv) emulator=qemu-system-aarch64 ;;
*) exit 2 ;;
esac
command -v $emulator >/dev/null || { echo "skipped: $emulator is not installed"; exit 77; }
export TUTTI_NET="$scratch/f"
echo "$kind 1" >"$scratch/fleet"
"$tutti" up "$scratch/fleet" --dir "$TUTTI_NET" >"$scratch/up" 2>&1 &
launcher=$!
address=
for _ in $(seq 150); do
    address=$(sed -n "s/^$kind-1 .*\(\[fe80[^ ]*\]\):.*/\1/p" "$scratch/up" | tail -n 1)
    [ -n "$address" ] && break
    sleep 0.2
done
[ -n "$address" ] || { echo "the device was not found:"; cat "$scratch/up"; exit 1; }
for _ in $(seq 9); do
    sleep 0.3
    began=$(date +%s%N)
    "$tutti" get "coap://$address/device" >/dev/null || echo "no answer"
    echo $((($(date +%s%N) - began) / 1000000)) >>"$scratch/times"
done
median=$(sort -n "$scratch/times" | sed -n 5p)
echo "$kind: answers within ms: $(tr '\n' ' ' <"$scratch/times")"
[ "$median" -le 300 ] || { echo "half of them took $median ms or more, expected 300 at most"; exit 1; }
