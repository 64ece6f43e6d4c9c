#!/bin/sh
# The example of a device of one's own, on the emulated watch: it is found by its kind, answers, keeps its period,
# tells whoever observes it as often as it samples, and takes no other period than it says. Beside it the same as a
# process of this machine.
set -u
tutti=$TUTTI_LINUX/cli/tutti
image=$TUTTI_BUILD/cortex-m4/examples/sensor/sensor.elf
command -v qemu-system-arm >/dev/null || { echo "skipped: qemu-system-arm is not installed"; exit 77; }
[ -f "$image" ] || { echo "skipped: cortex-m4 is not built"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "sensor 1 image=$image" >"$scratch/fleet"
echo "sensor 1 image=$TUTTI_LINUX/examples/sensor/sensor" >>"$scratch/fleet"
cat >"$scratch/ask" <<'END'
set -u
failed=0
expect() { # WANTED ARGUMENTS...
    wanted=$1
    shift
    got=$("$tutti" "$@" 2>&1)
    [ "$got" = "$wanted" ] || { echo "tutti $*: expected '$wanted', got '$got'"; failed=1; }
}
"$tutti" ls >"$scratch/ls"
[ "$(grep -c '^sensor-.* sensor .*/sensor/temperature' "$scratch/ls")" -eq 2 ] || { cat "$scratch/ls"; failed=1; }
device=$(sed -n 's/^sensor-1 *\([^ ]*\) .*/\1/p' "$scratch/up") # the emulated one
expect 10 get "$(sed -n 's/^sensor-2 *\([^ ]*\) .*/\1/p' "$scratch/up")/sensor/period"
expect 10 get $device/sensor/period
"$tutti" get $device/sensor/temperature | grep -qx '2[0-4]\.[0-9]' || { echo "no temperature"; failed=1; }
for wrong in 0 3601 1x -1 99999 ''; do
    "$tutti" put $device/sensor/period --text "$wrong" 2>&1 | grep -q 'from 1 to 3600' ||
        { echo "the period '$wrong' was taken"; failed=1; }
done
expect 10 get $device/sensor/period
"$tutti" put $device/sensor/period --text 1 || failed=1
expect 1 get $device/sensor/period
began=$(date +%s%N)
timeout 30 "$tutti" observe --count 5 $device/sensor/temperature >"$scratch/told" || failed=1
took=$((($(date +%s%N) - began) / 1000000))
[ "$(wc -l <"$scratch/told")" -eq 5 ] || { echo "5 notifications were expected:"; cat "$scratch/told"; failed=1; }
# The first at once, then one a second (of the emulator's clock, which is the host's here).
[ $took -ge 2500 ] && [ $took -le 20000 ] || { echo "5 notifications took $took ms"; failed=1; }
[ "$("$tutti" get $device/sensor/samples)" -ge 5 ] || { echo "too few samples"; failed=1; }
exit $failed
END
export tutti scratch
"$tutti" up "$scratch/fleet" --dir "$scratch/f" --timeout 60 --run "sh $scratch/ask" >"$scratch/up" 2>&1 || {
    cat "$scratch/up"
    exit 1
}
