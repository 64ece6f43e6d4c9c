#!/bin/sh
# Runs each attack of tests/os/attack.c on a machine: the dump must say what the image told beforehand.
# usage: test_attacks.sh MACHINE LEAST      at least LEAST attacks must have been made
set -u
machine=$1 least=$2
build=${TUTTI_BUILD:-build}/${TUTTI_PRESET_PREFIX:-}$machine
here=$(dirname "$0")
provision=$(mktemp) || exit 2
said=$(mktemp) || exit 2
trap 'rm -f "$provision" "$said"' EXIT
export TUTTI_IMAGE_SECONDS=10
number=0 failed=0
if [ "$machine" != linux ] && [ -e "$build/tests/os/test_attack.elf" ]; then
    # The field measure_images, 12 bytes into the provision.
    place=$(nm "$build/tests/os/test_attack.elf" | sed -n 's/^\([0-9a-f]*\) . tt_provision$/\1/p')
    [ -n "$place" ] || { echo "test_attacks: the image has no tt_provision"; exit 1; }
fi
while :; do
    if [ "$machine" = linux ]; then
        printf '%b' "$(printf '\\0%o' 0 0 0 0 0 0 0 0 0 0 0 0 $number)" >"$provision"
        head -c 100 /dev/zero >>"$provision"
        export TUTTI_IMAGE_ARGUMENTS="0 02:00:00:00:00:01 $provision"
    else
        export TUTTI_IMAGE_ARGUMENTS="-device loader,addr=$((0x${place:-0} + 12)),data=$number,data-len=4"
    fi
    "$here/run_image.sh" "$machine" test_attack 70 "tutti dump: thread main" >"$said" 2>&1
    code=$?
    [ $code -eq 77 ] && { cat "$said"; exit 77; }
    expected=$(sed -n 's/^expected: \(.*\)$/\1/p' "$said" | tr -d '\r')
    if [ -z "$expected" ]; then
        grep -q '^run_image: exit code 0, expected 70' "$said" && break # there is no such attack
        code=1
    fi
    [ $number -lt 100 ] || { echo "test_attacks: no end of attacks"; exit 1; }
    if [ $code -ne 0 ] || ! tr -d '\r' <"$said" | grep -qxF -- "$expected"; then
        head -n 20 "$said"
        grep '^run_image' "$said"
        failed=$((failed + 1))
        [ $failed -lt 5 ] || { echo "test_attacks: no more after five failures"; exit 1; }
    fi
    number=$((number + 1))
done
echo "$machine: $number attacks"
[ $number -ge "$least" ] || { echo "test_attacks: expected at least $least"; failed=1; }
[ $failed -eq 0 ]
