#!/bin/sh
# Runs the unit tests of another build folder: tests/floors/again.sh PRESET
build=${TUTTI_BUILD:-build}/$1
if [ ! -f "$build/build.ninja" ]; then
    echo "skipped: $1 is not built (make $1)"
    exit 77
fi
label=unit
[ "$1" = linux-tsan ] && label='unit|threads'
exec ctest --test-dir "$build" --output-on-failure -L "^($label)\$"
