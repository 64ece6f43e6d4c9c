#!/bin/sh
# The instructions that real silicon needs and an emulator does not miss, in the order that the manuals ask for:
# in the disassembly of a function each pattern must follow the one before.
set -u
build=${TUTTI_BUILD:-build} failed=0
follow() { # follow TOOL IMAGE FUNCTION PATTERN...
    tool=$1 image=$build/$2 function=$3
    shift 3
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
    [ -e "$image" ] || { echo "skipped: there is no $image"; exit 77; }
    "$tool" -d --no-show-raw-insn "$image" | sed -n "/<$function>:\$/,/^\$/p" | tr '\t' ' ' | tr -s ' ' >"$listing"
    line=0
    for pattern; do
        next=$(awk -v from=$line -v pattern="$pattern" 'NR > from && $0 ~ pattern { print NR; exit }' "$listing")
        [ -n "$next" ] || {
            cat "$listing"
            echo "test_barriers: $image, $function: no \"$pattern\" behind line $line of these"
            failed=1
            return
        }
        line=$next
    done
}
listing=$(mktemp) || exit 2
trap 'rm -f "$listing"' EXIT

# ARMv7-M: after PendSV is set (at 0xe000ed04) at most four instructions until a DSB, everywhere.
image=$build/cortex-m4/products/watch/watch.elf
command -v arm-none-eabi-objdump >/dev/null || { echo "skipped: arm-none-eabi-objdump is not installed"; exit 77; }
[ -e "$image" ] || { echo "skipped: there is no $image"; exit 77; }
arm-none-eabi-objdump -d --no-show-raw-insn "$image" | awk '
    set > 0 && / dsb/ || /\tdsb/ { set = 0 }
    set > 0 && --set == 0 { print "test_barriers: no DSB behind " place; bad = 1 }
    /str.*#3332\]/ { set = 5; place = $0; places++ }
    END { if (places < 3) { print "test_barriers: PendSV is set in " places + 0 " places: that is not all"; bad = 1 }; exit bad }
' || failed=1
follow arm-none-eabi-objdump cortex-m4/products/watch/watch.elf tt_cm_init 'dmb' 'str' 'dsb' 'isb'

# Virtio: the entry, its count, the notification (at 0x50), each seen before the next.
follow riscv64-unknown-elf-objdump riscv64/products/car/car.elf tt_virtio_give ' fence$' ' sh ' ' fence$' ' sw .*,80\('
follow aarch64-linux-gnu-objdump aarch64/products/tv/tv.elf tt_virtio_give 'dmb osh' 'strh' 'dmb osh' 'str .*#80\]'

# The MMU: caches and TLB are clean before it goes on.
follow riscv64-unknown-elf-objdump riscv64/products/car/car.elf tt_pages_init 'sfence.vma' 'csrw satp' 'sfence.vma' 'fence.i'
follow aarch64-linux-gnu-objdump aarch64/products/tv/tv.elf tt_pages_init 'dc ivac' 'dsb sy' 'ic iallu' 'dsb sy' 'isb' \
    'tlbi vmalle1' 'dsb sy' 'isb' 'msr sctlr_el1' 'isb'
exit $failed
