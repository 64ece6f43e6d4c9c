#!/bin/sh
# A watch of a fleet whose power is cut while a transfer comes in: the launcher tells where, nothing is acknowledged any
# more, and the watch starts again as if its power had failed.
set -u
[ -e "$TUTTI_LINUX/tests/cut/cut.so" ] || { echo "skipped: there is no plugin: qemu-system-arm was not there when this was built"; exit 77; }
[ -e "$TUTTI_BUILD/cortex-m4/products/watch/watch.elf" ] || { echo "skipped: there is no watch: build it with make cortex-m4"; exit 77; }
. "$(dirname "$0")/../fleet.sh"
need_emulator watch
export TUTTI_CUT="$scratch/cut"
mkdir "$TUTTI_CUT"
PATH=$(cd "$(dirname "$0")" && pwd)/bin:$PATH
failed=0
fail() {
    echo "test_cut_watch: $1"
    cat "$scratch/up"
    failed=1
}

head -c 60000 /dev/zero >"$scratch/plan" # is none, which is said when all of it has come
for after in 50000 1000000; do
    echo "signal=1,after=$after" >"$TUTTI_CUT/words"
    start_device watch
    kill -39 "$(cat "$TUTTI_CUT/pid")" # SIGRTMIN + 5: counts from here
    "$tutti" put --timeout 2 "$name/ai/models/x" "$scratch/plan" >"$scratch/put" 2>&1
    [ $? -eq 3 ] || fail "the transfer, cut after $after: $(cat "$scratch/put")"
    grep -q "^watch-1 ended by itself with status 70; .* ends with: cut: at 0x[0-9a-f]*, instruction $after, in range 0\$" "$scratch/up" ||
        fail "not cut after $after"
    "$tutti" restart --dir "$TUTTI_NET" watch-1 || fail "no restart"
    "$tutti" put --timeout 20 "$name/ai/models/x" "$scratch/plan" >"$scratch/put" 2>&1
    { [ $? -eq 1 ] && grep -q "this is no plan" "$scratch/put"; } || fail "after the restart: $(cat "$scratch/put")"
    kill -INT "$launcher"
    wait "$launcher"
    launcher=
done
[ $failed -eq 0 ] && echo "cut twice, and there again"
exit $failed
