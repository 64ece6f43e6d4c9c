#!/bin/sh
# The store: what its code and its state take on the Cortex-M4F, from the link map; what it programs for an
# update, and the longest put; what opening reads; and unless --quick, beside others: what littlefs programs, puts a
# second and SQLite's, and that of so many cuts none loses anything, of littlefs's neither (some of them: ./run test-long has all).
set -eu
cd "$(dirname "$0")/../.."
image=build/cortex-m4/bench/storage/bench_storage_size.elf
command -v qemu-system-arm >/dev/null ||
    { echo "bench/storage: qemu-system-arm is not installed; deps/install build" >&2; exit 1; }
timeout 120 qemu-system-arm -M mps2-an386 -nic none -display none -monitor none -serial stdio \
    -semihosting-config enable=on,target=native -kernel $image </dev/null 2>/dev/null | grep -q '^storage size' ||
    { echo "bench/storage: the smallest image did not finish" >&2; exit 1; }
awk -v LIBRARY=libtt_storage.a -f bench/storage/objects.awk $image.map | sort | awk '
    { printf "bench storage.m4.flash_%s %d bytes\n", $1, $2; sum += $2 }
    END { printf "bench storage.m4.flash %d bytes\n", sum }'
if_there() { # COMMAND...: of littlefs, whose sources may not be there
    if [ -x "$1" ]; then "$@"; else echo "no figures of littlefs: $(tests/storage/littlefs/skip.sh)"; fi
}
size_of() { arm-none-eabi-nm -S $image | awk -v NAME="$1" '$4 == NAME { print "0x" $2 }'; }
echo "bench storage.m4.ram $(($(size_of counted))) bytes"
echo "bench storage.m4.ram_per_key $(($(size_of counted_entries) / 16)) bytes"
build/linux/bench/storage/bench_storage
[ "${1:-}" = --quick ] || if_there build/linux/bench/storage/bench_storage_littlefs
build/linux/tests/storage/test_opening | grep '^bench'
[ "${1:-}" = --quick ] || { # beside SQLite, on the disk that the build lies on
    build/linux/bench/storage/bench_storage_host build/bench_storage.img 2000
    python3 bench/storage/peer.py build/bench_storage.db 2000
}
[ "${1:-}" = --quick ] || build/linux/tests/storage/test_cuts short | grep '^bench'
[ "${1:-}" = --quick ] || if_there build/linux/tests/storage/littlefs/test_cuts_littlefs short | grep '^bench\|^no'
