#!/bin/sh
# Every command of docs/first-device.md, and that it did what the page says: notifications, another limit, nothing of the
# build's folders.
set -u
. "$(dirname "$0")/page.sh"
run_page first-device.md arm-none-eabi-gcc riscv64-unknown-elf-gcc qemu-system-arm qemu-system-riscv64
[ "$(grep -c '^2[0-4]\.[0-9]$' "$HOME/said")" -eq 4 ] || fail "not one temperature and three notifications"
grep -qx "done" "$HOME/said" || fail "the program on this machine failed"
size() { # of the node, whose tables the limits decide on
    echo $((0x0$(riscv64-unknown-elf-nm --print-size "$1" | awk '$4 == "node" { print $2 }')))
}
usual=$TUTTI_BUILD/riscv64/products/car/car.elf
if [ -f "$usual" ]; then
    [ "$(size "$HOME/lamp/build-car/lamp.elf")" -lt "$(size "$usual")" ] || fail "the limits changed nothing"
fi
expect_no_root "$HOME/lamp" "$HOME/status"
