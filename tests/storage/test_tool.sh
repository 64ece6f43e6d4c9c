#!/bin/sh
# tutti-store's words and statuses.
set -u
tool=${TUTTI_LINUX:-build/linux}/tools/store/tutti-store
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
expect() { # expect STATUS TEXT WORD...
    status=$1 text=$2
    shift 2
    "$tool" "$@" >"$work/out" 2>&1
    got=$?
    [ $got -eq "$status" ] && grep -q "$text" "$work/out" ||
        { echo "tutti-store $*: status $got, expected $status and '$text'"; cat "$work/out"; failed=1; }
}
head -c 8192 /dev/zero >"$work/zeros"
: >"$work/empty"
expect 2 "^usage: tutti-store"
expect 2 "^usage: tutti-store" "$work/zeros" --other
expect 4 "no store is in it" "$work/zeros"
expect 4 "cannot be read" "$work/empty"
expect 4 "cannot be read" "$work/none"
expect 4 "cannot be read" "$work"
exit $failed
