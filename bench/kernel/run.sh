#!/bin/sh
# The kernel on the Cortex-M4F: what its operations cost, in instructions that the emulator counts, the same on any
# host; and what the smallest image with two threads takes (size.c). Then how often idle devices wake (idle.sh),
# unless --quick.
set -eu
cd "$(dirname "$0")/../.."
images=build/cortex-m4/bench/kernel
command -v qemu-system-arm >/dev/null ||
    { echo "bench/kernel: qemu-system-arm is not installed; deps/install build" >&2; exit 1; }
start() {
    timeout 120 qemu-system-arm -M mps2-an386 -icount shift=5,sleep=off -nic none -display none -monitor none \
        -serial stdio -semihosting-config enable=on,target=native -kernel "$images/$1.elf" </dev/null 2>/dev/null
}
start bench_kernel |
    awk '$1 == "kernel" { printf "bench kernel.m4.%s %.1f instructions\n", $2, $4 / 32 / $3; lines++ }
         END { if (lines != 4) { print "bench/kernel: the image did not finish" > "/dev/stderr"; exit 1 } }'
start bench_kernel_size | grep -q '^kernel size' || { echo "bench/kernel: the smallest image did not finish" >&2; exit 1; }
arm-none-eabi-size "$images/bench_kernel_size.elf" | awk 'NR == 2 {
    print "bench kernel.m4.smallest_image_flash", $1 + $2, "bytes"
    print "bench kernel.m4.smallest_image_ram", $2 + $3, "bytes" }'
awk -v LIBRARY=libtt_kernel.a -f bench/kernel/size.awk "$images/bench_kernel_size.elf.map" | {
    read -r flash ram
    echo "bench kernel.m4.of_it_kernel_flash $flash bytes"
    echo "bench kernel.m4.of_it_kernel_ram $ram bytes"
}
[ "${1:-}" = --quick ] || bench/kernel/idle.sh
