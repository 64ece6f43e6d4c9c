#!/bin/sh
# Builds that a developer wants at times and nobody has every day: CMake's Debug, -O0 beside the presets' other flags, and
# warnings that are no errors; for this machine with gcc and clang, and for the watch. In a copy of this tree.
# usage: test_builds.sh few|all     few: some programs of each; all: everything, and all its quick tests
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
for program in arm-none-eabi-gcc qemu-system-arm; do
    command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/tree" "$scratch/tree/build"
tar -C "$root" --exclude=./build --exclude=./.git -c . | tar -C "$scratch/tree" -x
cp -r "$root/build/deps" "$scratch/tree/build/deps"
cd "$scratch/tree" || exit 1
unset TUTTI_PRESET_PREFIX

fail() {
    tail -n 40 "$scratch/log"
    echo "test_builds: $1"
    exit 1
}
build() { # PRESET "TARGET..." OPTION...
    preset=$1 targets=$2
    shift 2
    # shellcheck disable=SC2086 # a list of targets
    cmake --preset "$preset" "$@" >"$scratch/log" 2>&1 && ninja -C "build/$preset" -j 2 $targets >>"$scratch/log" 2>&1
}
run() { # ctest's words for which
    ctest --test-dir build/linux -j 2 --output-on-failure "$@" >"$scratch/log" 2>&1 && ! grep -q 'No tests were found\|Not Run\|Skipped' "$scratch/log" ||
        fail "tests fail: $*"
    grep 'tests passed' "$scratch/log"
}
# The same programs and tests at -O0, by whichever options.
unoptimised() { # OPTION...
    host="tests/base/test_base tests/bus/test_exchanges tests/os/test_threads tests/os/test_failed_check tt_backtrace"
    watch="tests/os/test_threads.elf tests/os/test_failed_check.elf watch"
    if [ "$extent" = all ]; then
        host=all watch=all
    fi
    rm -rf build/linux build/cortex-m4
    build linux "$host" -DCMAKE_C_COMPILER="$compiler" "$@" || fail "does not build with $compiler $*"
    build cortex-m4 "$watch" "$@" || fail "does not build for the watch with $*"
    # Rooms that ask for -O3 themselves do so still.
    ! grep -hE -- ' -O[12s] .*[.]c",?$' build/*/compile_commands.json || fail "is optimised with $*"
    case $extent in
    few) run -R '^test_(base|exchanges|(threads|failed_check)_(linux|cortex-m4))$' ;;
    all)
        run -L unit -E '^test_sim$' # that one takes minutes at -O0
        # Not those with bounds in instructions (waits, deaf_console), and of an overflow the callers: with -O0 their
        # frames hang on r7, which the CPU had no room to keep.
        run -R '^test_.*_cortex-m4$' -E 'long_soak|test_(waits|deaf_console|overflow|overflow_interrupt)_'
        ;;
    esac
}

extent=$1
compiler=gcc
unoptimised -DCMAKE_BUILD_TYPE=Debug
if [ "$extent" = all ]; then
    compiler=clang
    command -v clang >/dev/null || { echo "skipped: clang is not installed"; exit 77; }
    unoptimised "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O0 -g"
fi

# A warning is an error, and none with TUTTI_WERROR=OFF.
echo 'static int planted;' >>base/text.c
warned() { # PRESET TARGET OPTION...
    preset=$1 target=$2
    shift 2
    rm -rf "build/$preset"
    ! build "$preset" "$target" "$@" && grep -q 'base/text.c:.*planted.*-Werror' "$scratch/log" ||
        fail "a warning is no error with: $preset $*"
    build "$preset" "$target" -DTUTTI_WERROR=OFF "$@" || fail "a warning is an error with TUTTI_WERROR=OFF: $preset $*"
    grep -q 'base/text.c:.*warning: .*planted' "$scratch/log" || fail "the warning is not told: $preset $*"
}
compilers=gcc
[ "$extent" = few ] || compilers="gcc clang"
for compiler in $compilers; do
    warned linux tests/base/test_base -DCMAKE_C_COMPILER="$compiler"
    run -R '^test_base$'
done
warned cortex-m4 tests/os/test_threads.elf
run -R '^test_threads_cortex-m4$'
