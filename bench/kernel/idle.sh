#!/bin/sh
# How often a watch and a car unit, each alone on its segment, wake in the second to sixth minute after their start:
# the ordinary images under plain QEMU, the kernel's own count, read from GET /device before and after. What
# `tutti up` and the two readings cause is in it. Both run at the same time; six and a half minutes.
set -eu
cd "$(dirname "$0")/../.."
tutti=build/linux/cli/tutti
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/read.sh" <<'END' # KIND, run where $TUTTI_NET is the fleet
set -eu
wakeups() {
    build/linux/cli/tutti get "kind:$1/device" | sed -n 's/.*"wakeups": *\([0-9][0-9]*\).*/\1/p'
}
sleep 120
before=$(wakeups "$1")
sleep 240
after=$(wakeups "$1")
echo "bench kernel.$1_idle $(((after - before) / 4)) wakeups_a_minute"
END

measure() { # KIND
    echo "$1 1" >"$work/$1.fleet"
    "$tutti" up "$work/$1.fleet" --dir "$work/$1" --run "sh $work/read.sh $1" >"$work/$1.said" 2>&1 || {
        cat "$work/$1.said" >&2
        return 1
    }
    grep '^bench ' "$work/$1.said"
}
measure watch &
watch=$!
measure car
wait $watch
