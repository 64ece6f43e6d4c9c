#!/bin/sh
# Every command of docs/your-board.md, and that it did what the page says: devices were found, over a line and without,
# GDB stood where it should, OpenOCD has the chip.
set -u
. "$(dirname "$0")/page.sh"
run_page your-board.md arm-none-eabi-gcc qemu-system-arm gdb-multiarch openocd
said() { # PATTERN, of a whole line
    grep -qxE -- "$1" "$HOME/said" || fail "expected a line: $1"
}
said 'lamp-[0-9a-f]{4} .* lamp .*/lamp/temperature.*'
for board in wrist desk; do
    said '.*"board": "'$board'", "cpu": "Cortex-M4F".*'
done
said 'tutti: lamp-[0-9a-f]{4} ready' # on its console
[ "$(grep -c '^2[0-4]\.[0-9]$' "$HOME/said")" -eq 4 ] || fail "not three notifications, and one"
said 'Breakpoint 1, tt_main \(\) at products/common/main.c:[0-9]+'
said '#0 .* measure \(\) at lamp.c:[0-9]+'
said '#[0-9]+ .* in tt_main \(\) at products/common/main.c:[0-9]+'
said '[0-9]+	 +noise = noise .*' # the source's line, which GDB found
said ' 0\* stm32f4x\.cpu .*'
for pair in "lamp 10000000" "lamp_qemu_7 20020000"; do # where the chip, and where QEMU 7.2, has the second memory
    arm-none-eabi-nm "$HOME/lamp/build/${pair% *}.elf" | grep -q "^${pair#* } . tt_ccm_begin$" ||
        fail "${pair% *}.elf does not have its second memory at ${pair#* }"
done
expect_no_root "$HOME/lamp" "$HOME/wrist" "$HOME/desk"
