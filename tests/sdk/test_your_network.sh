#!/bin/sh
# Every command of docs/your-network.md, in order, as a new user types them: in a home of its own, against an SDK that
# is installed there from this build, without a network.
set -u
. "$(dirname "$0")/page.sh"
[ -e /usr/share/datasets/fashion-mnist ] || { echo "skipped: dataset-fashion-mnist is not installed"; exit 77; }
[ -e "$TUTTI_BUILD/cortex-m4/products/watch/watch.elf" ] || { echo "skipped: the watch is not built"; exit 77; }
run_page your-network.md qemu-system-arm
expect_no_root "$HOME/clothes"
# It learned something, and the watch was asked.
awk '/^[0-9.]+ % of / { found++; good += $1 >= 84 } END { exit found != 2 || good != 2 }' "$HOME/said" || fail "it did not learn"
grep -q '"name": "clothes".*"input": \[28, 28, 1\], "output": \[1, 1, 10\]' "$HOME/said" || fail "the watch does not tell of the model"
[ "$(stat -c %s "$HOME/clothes/watch.answers")" -eq 50 ] || fail "not five answers"
! cmp -s -n 50 "$HOME/clothes/answers" /dev/zero || fail "the answers are nothing"

# A mistake in the network is a sentence, as the page says.
cd "$HOME/clothes" || exit 1
sed -i 's/"far.bias", x, 8, 16/"far.bias", x, 9, 16/' clothes.c
cmake --build build >"$HOME/said" 2>&1 || fail "the program with a mistake is not built"
build/clothes >"$HOME/said" 2>&1
status=$?
[ $status -eq 1 ] && grep -q '^the network: .*conv: .*8.*9' "$HOME/said" || fail "status $status for a mistake in the network"
