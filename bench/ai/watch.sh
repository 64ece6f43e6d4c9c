#!/bin/sh
# Prints the instructions of one inference on the watch, counted by the emulator.
# usage: watch.sh PLAN [REFERENCE]
set -eu
build=${TUTTI_BUILD:-build}
linux=${TUTTI_LINUX:-$build/linux}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v qemu-system-arm >/dev/null ||
    { echo "watch.sh: qemu-system-arm is not installed; deps/install build" >&2; exit 1; }
"$linux/bench/ai/bench_watch" "$build/cortex-m4/products/watch/watch.elf" "$1" "$folder" ${2:+"$2"}
