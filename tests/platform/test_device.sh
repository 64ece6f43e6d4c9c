#!/bin/sh
# The platform of a device, on MACHINE: the tests of device.c, and where its randomness comes from. Under -icount a run
# is the same again: what differs between two runs comes from what they were given.
# usage: test_device.sh MACHINE
set -u
machine=$1
case $machine in
cortex-m4 | netduinoplus2) ethernet='' entropy='' ;;
*)
    ethernet="-global virtio-mmio.force-legacy=false -netdev hubport,id=n,hubid=0 -device virtio-net-device,netdev=n"
    entropy="-device virtio-rng-device"
    ;;
esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

run() { # run NAME WORD... : runs the image with words more for QEMU; what it drew is in $scratch/NAME
    into=$scratch/$1
    shift
    TUTTI_IMAGE_ARGUMENTS="$*" tests/os/run_image.sh "$machine" platform/device 0 >"$into.out"
    code=$?
    [ $code -eq 0 ] || { cat "$into.out"; exit $code; }
    tr -d '\r' <"$into.out" | grep '^drawn: ' >"$into"
}

same() { # same YES|NO NAME NAME
    answer=no
    cmp -s "$scratch/$2" "$scratch/$3" && answer=yes
    [ "$answer" = "$1" ] || { echo "$2 and $3 drew the same: $answer, expected $1"; exit 1; }
}

elf=${TUTTI_BUILD:-build}/${TUTTI_PRESET_PREFIX:-}$machine/tests/platform/device.elf
run once "$ethernet"
cat "$scratch/once.out"
grep -q '^device: all passed' "$scratch/once.out" || exit 1
run again "$ethernet"
same yes once again
at=$(nm "$elf" | sed -n 's/^\([0-9a-f]*\) . tt_provision$/0x\1/p')
seed=$(printf '0x%x' $((at + 24))) boot=$(printf '0x%x' $((at + 20)))
run seeded "$ethernet" -device "loader,addr=$seed,data=1,data-len=1"
run booted "$ethernet" -device "loader,addr=$boot,data=1,data-len=1"
same no once seeded
same no once booted
same no seeded booted
if [ -n "$entropy" ]; then
    run random "$ethernet" "$entropy"
    run random_again "$ethernet" "$entropy"
    same no random random_again
    run deaf
    grep -q '^device: no Ethernet' "$scratch/deaf.out" || { cat "$scratch/deaf.out"; exit 1; }
fi
echo "seed, boot number and entropy are mixed"
