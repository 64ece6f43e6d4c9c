#!/bin/sh
# Every command of docs/your-network.md, in order, as a new user types them: in a home of its own, against an SDK that
# is installed there from this build, without a network.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
page=$root/docs/your-network.md
for program in qemu-system-arm ninja; do
    command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
[ -e /usr/share/datasets/fashion-mnist ] || { echo "skipped: dataset-fashion-mnist is not installed"; exit 77; }
[ -e "$TUTTI_BUILD/cortex-m4/products/watch/watch.elf" ] || { echo "skipped: the watch is not built"; exit 77; }
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
unset TUTTI_NET
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >"$HOME/commands"
[ "$(grep -c '^\(cmake\|build/clothes\|tutti\|cmp\) ' "$HOME/commands")" -ge 5 ] || { echo "the page's commands are not found"; exit 1; }
sed -i "s|build/linux|$TUTTI_LINUX|" "$HOME/commands" # the page's own folder of the build
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
# It learned something, and the watch was asked.
awk '/^[0-9.]+ % of / { found++; good += $1 >= 84 } END { exit found != 2 || good != 2 }' "$HOME/said" || fail "it did not learn"
grep -q '"name": "clothes".*"input": \[28, 28, 1\], "output": \[1, 1, 10\]' "$HOME/said" || fail "the watch does not tell of the model"
[ "$(stat -c %s "$HOME/clothes/watch.answers")" -eq 50 ] || fail "not five answers"
! cmp -s -n 50 "$HOME/clothes/answers" /dev/zero || fail "the answers are nothing"

# A mistake in the network is a sentence, as the page says.
cd "$HOME/clothes" || exit 1
sed -i 's/TT_SHAPE(16, 3, 3, 8)/TT_SHAPE(16, 3, 3, 9)/' clothes.c
cmake --build build >"$HOME/said" 2>&1 || fail "the program with a mistake is not built"
build/clothes >"$HOME/said" 2>&1
status=$?
[ $status -eq 1 ] && grep -q '^the network: .*conv2d: .*8.*9' "$HOME/said" || fail "status $status for a mistake in the network"
