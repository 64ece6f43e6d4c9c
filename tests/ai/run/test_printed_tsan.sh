#!/bin/sh
# Printed C under the watcher of threads: the tests that compile programs and run them on several threads, with a compiler
# that adds -fsanitize=thread.
set -u
build=${TUTTI_BUILD:-build}/linux-tsan
[ -x "$build/tests/ai/train/test_train" ] || { echo "skipped: linux-tsan is not built (make linux-tsan)"; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/watched" <<'CC' # counts what it compiled that is watched
#!/bin/sh
gcc -fsanitize=thread "$@" || exit
while [ $# -gt 1 ] && [ "$1" != -o ]; do shift; done
! grep -q __tsan_read "$2" || echo watched >>"${0%/*}/count"
CC
chmod +x "$scratch/watched"
for test in ai/run/test_fused ai/train/test_train; do
    : >"$scratch/count"
    TT_RUN=compiled TUTTI_CC=$scratch/watched XDG_CACHE_HOME=$scratch "$build/tests/$test" >"$scratch/out" 2>&1 ||
        { tail -n 40 "$scratch/out"; echo "$test failed"; exit 1; }
    parts=$(wc -l <"$scratch/count")
    [ "$parts" -ge 10 ] || { echo "$test had $parts parts compiled and watched: expected tens of them"; exit 1; }
    echo "$test: $parts parts of programs, compiled and watched"
done
