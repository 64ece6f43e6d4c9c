#!/bin/sh
# Every command of docs/first-device.md, in order, as a new user types them: in a home of its own, against an SDK
# that is installed there from this build, without a network.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
page=$root/docs/first-device.md
for program in arm-none-eabi-gcc riscv64-unknown-elf-gcc qemu-system-arm qemu-system-riscv64 ninja; do
    command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
unset TUTTI_NET
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >"$HOME/commands"
[ "$(grep -c '^cmake ' "$HOME/commands")" -ge 6 ] || { echo "the page's commands are not found"; exit 1; }
# The page's own folder of the build is build/linux.
sed -i "s|build/linux|$TUTTI_LINUX|" "$HOME/commands"
alone=
unshare -rn true 2>/dev/null && alone="unshare -rn"
[ -n "$alone" ] || echo "this machine gives no network of its own: whether the network was used is not seen"
cd "$root" || exit 1
# A path that a shell here has beside, so that nothing of this build is found by chance.
PATH=/usr/local/bin:/usr/bin:/bin $alone sh -eux "$HOME/commands" >"$HOME/said" 2>&1 || {
    tail -n 40 "$HOME/said"
    exit 1
}
fail() {
    echo "$1"
    cat "$HOME/said"
    exit 1
}
# It did what the page says: notifications, another limit, nothing of the build's folders.
[ "$(grep -c '^2[0-4]\.[0-9]$' "$HOME/said")" -eq 4 ] || fail "not one temperature and three notifications"
[ "$(tail -n 1 "$HOME/said")" = "done" ] || fail "the program on this machine failed"
size() { # of the node, whose tables the limits decide on
    echo $((0x0$(riscv64-unknown-elf-nm --print-size "$1" | awk '$4 == "node" { print $2 }')))
}
usual=$TUTTI_BUILD/riscv64/products/car/car.elf
if [ -f "$usual" ]; then
    [ "$(size "$HOME/lamp/build-car/lamp.elf")" -lt "$(size "$usual")" ] || fail "the limits changed nothing"
fi
! grep -rlE "(^|[^[:alnum:]_.}-])$root(/|\$)" "$HOME/lamp" "$HOME/status" "$HOME/tutti-sdk/share" "$HOME/tutti-sdk/lib" >"$HOME/found" ||
    fail "something names the folder that the SDK was made in: $(cat "$HOME/found")"
