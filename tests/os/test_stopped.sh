#!/bin/sh
# A device that stands still from outside for many periods of its watchdog goes on as if nothing had been.
# usage: test_stopped.sh MACHINE
set -u
machine=$1
case $machine in
linux) command=$TUTTI_LINUX/tests/os/test_hang_alive emulator=true ;;
cortex-m4) emulator=qemu-system-arm board="-M mps2-an386 -semihosting-config enable=on,target=native" ;;
netduinoplus2) emulator=qemu-system-arm board="-M netduinoplus2 -semihosting-config enable=on,target=native" ;;
riscv64) emulator=qemu-system-riscv64 board="-M virt -m 64M" ;;
aarch64) emulator=qemu-system-aarch64 board="-M virt,gic-version=3 -cpu cortex-a53 -m 64M -semihosting-config enable=on,target=native" ;;
esac
command -v $emulator >/dev/null || { echo "skipped: $emulator is not installed"; exit 77; }
image=${TUTTI_BUILD:-build}/${TUTTI_PRESET_PREFIX:-}$machine/tests/os/test_hang_alive.elf
[ "$machine" = linux ] && image=$command
[ -e "$image" ] || { echo "skipped: there is no $image: build it with make $machine"; exit 77; }
command=${command:-$emulator $board -nic none -display none -monitor none -serial stdio -kernel $image}
output=$(mktemp) || exit 2
trap 'kill -9 $device 2>/dev/null; rm -f "$output"' EXIT
# shellcheck disable=SC2086 # the command is a list of words
$command >"$output" 2>&1 </dev/null &
device=$!
for _ in $(seq 300); do
    grep -q "hang: turning" "$output" && break
    sleep 0.05
done
kill -STOP $device
sleep 2 # of looks every 100 ms
kill -CONT $device
for _ in $(seq 300); do
    kill -0 $device 2>/dev/null || break
    sleep 0.05
done
cat "$output"
grep -q "hang: everybody was alive" "$output"
