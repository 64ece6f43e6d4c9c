#!/bin/sh
# The kernel's operations on the Cortex-M4F, in instructions that the emulator counts: the same on any host. Then how
# often idle devices wake (idle.sh), unless --quick.
set -eu
cd "$(dirname "$0")/../.."
image=build/cortex-m4/bench/kernel/bench_kernel.elf
command -v qemu-system-arm >/dev/null ||
    { echo "bench/kernel: qemu-system-arm is not installed; deps/install build" >&2; exit 1; }
timeout 120 qemu-system-arm -M mps2-an386 -icount shift=5,sleep=off -nic none -display none -monitor none \
    -serial stdio -semihosting-config enable=on,target=native -kernel "$image" </dev/null 2>/dev/null |
    awk '$1 == "kernel" { printf "bench kernel.m4.%s %.1f instructions\n", $2, $4 / 32 / $3; lines++ }
         END { if (lines != 4) { print "bench/kernel: the image did not finish" > "/dev/stderr"; exit 1 } }'
[ "${1:-}" = --quick ] || bench/kernel/idle.sh
