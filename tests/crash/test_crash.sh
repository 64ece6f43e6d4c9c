#!/bin/sh
# The end of a device, from the failed check to its calls, on every machine; hangs and safe mode.
# usage: test_crash.sh MACHINE
set -u
machine=$1
. "$(dirname "$0")/../fleet.sh"
failed=0
case $machine in
linux) kind=linux image=$TUTTI_LINUX/tests/crash/crasher ;;
cortex-m4) kind=watch ;;
netduinoplus2) kind=band ;; # it has no slots: both QEMU 7.2 and 8 run it
riscv64) kind=car ;;
aarch64) kind=tv ;;
esac
image=${image:-$TUTTI_BUILD/${TUTTI_PRESET_PREFIX:-}$machine/tests/crash/crasher.elf}
need_emulator $kind
[ -e "$image" ] || { echo "skipped: there is no $image: build it with make $machine"; exit 77; }
complain() {
    echo "$1"
    failed=$((failed + 1))
}

# expect STATUS TEXT WORD...: runs tutti; its status and a text that its output must contain.
expect() {
    status=$1 text=$2
    shift 2
    timeout 60 "$tutti" "$@" >"$scratch/out" 2>&1 </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" "$scratch/out"; then
        complain "tutti $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' "$scratch/out"
    fi
}
# await SECONDS PATH TEXT: until the resource holds the text.
await() {
    until=$(($(date +%s) + $1))
    while [ "$(date +%s)" -lt "$until" ]; do
        timeout 20 "$tutti" get --timeout 5 "$name/$2" 2>/dev/null | grep -qF -- "$3" && return 0
        sleep 0.3
    done
    complain "$name/$2 did not hold '$3' within $1 s; it holds:"
    timeout 20 "$tutti" get --timeout 5 "$name/$2"
    return 1
}
# calls FUNCTION...: are among the frames of the last output, in this order.
calls() {
    names=$(sed -n 's/^#[0-9]* *0x[0-9a-f]* \([^ .]*\).*/\1/p' "$scratch/out" | tr '\n' ',')
    pattern=$(echo "$*" | sed 's/ /,(.*,)?/g')
    echo ",$names" | grep -qE ",$pattern," || complain "the frames are $names expected $*"
}

start_device $kind "image=$image"

# Nothing has happened yet.
expect 1 "no crash is recorded" crash "$name"
expect 0 "\"restarts\": 0, \"mode\": \"normal\", \"crashes\": 0" get "$name/device"

# A failed check: the device is back, and tells how it ended.
"$tutti" logs "$name" -f >"$scratch/followed" 2>&1 &
follower=$!
for _ in $(seq 150); do # it has a first line before the device ends for the first time
    [ -s "$scratch/followed" ] && break
    sleep 0.1
done
expect 0 "2.04 Changed" post "$name/test/check"
await 15 device '"restarts": 1, "mode": "normal", "crashes": 1' || { cat "$scratch/up"; exit 1; }
expect 0 "check failed: tests/crash/crasher.c:" crash "$name"
calls tt_check_failed inner outer end_by_check tt_main
grep -qx "thread main" "$scratch/out" || complain "the thread is not named: $(cat "$scratch/out")"
[ "$machine" = linux ] && { # what the command says is the same for all
expect 0 "tutti dump: register pc " crash "$name" --raw
expect 0 "another image than the one that ended" crash "$name" --image "$(dirname "$image")/../os/test_schedule${image##*crasher}"
expect 4 "no little-endian ELF file" crash "$name" --image "$0"
expect 4 "cannot be read" crash "$name" --image "$scratch/none"
}
expect 0 "tutti dump: check failed: tests/crash/crasher.c:" logs "$name"
grep -q "^[0-9]* [0-9]*\.[0-9]* tutti dump: check failed" "$scratch/out" || complain "no number and time: $(cat "$scratch/out")"

# A fault follows: the first record stays and counts it.
expect 0 "2.04 Changed" post "$name/test/fault"
await 15 device '"restarts": 2, "mode": "normal", "crashes": 2'
expect 0 "followed by 1 more" crash "$name" --clear
grep -q "check failed: tests/crash/crasher.c" "$scratch/out" || complain "the first record is gone: $(cat "$scratch/out")"

# A loop that hangs: within three looks and the watchdog's bite the record shows where.
began=$(date +%s)
expect 0 "2.04 Changed" post "$name/test/hang"
await 40 device '"restarts": 3, "mode": "safe", "crashes": 1'
[ $(($(date +%s) - began)) -le 30 ] || complain "the watchdog took $(($(date +%s) - began)) s"
expect 0 "watchdog: loop silent for " crash "$name"
calls spin tt_main

# Three short lives: safe mode, without the product's own, until somebody restarts it.
expect 1 "4.04 Not Found" post "$name/test/check"
expect 0 "/device /device/restart /crash /log (safe mode; 'tutti crash' says why)" ls
grep -q "^$kind-1 *$name *is in safe mode; 'tutti crash $name' says why" "$scratch/up" || complain "tutti up does not tell of safe mode: $(cat "$scratch/up")"
grep -q "/test/check" "$scratch/out" && complain "product code runs in safe mode"
expect 0 "safe mode: this device stopped early three times" logs "$name"
"$tutti" restart "coap://$(sed -n "s/^$kind-1 *$name *\(\[[^ ]*\]\):.*/\1/p" "$scratch/up" | tail -n 1)" || complain "it was not restarted by hand"
await 15 device '"restarts": 4, "mode": "normal", "crashes": 1'

falls() { # falls CUTS: the numbers go up, and fall once at each cut of the power
    awk -v cuts="$1" '$1 <= last { falls++ } { last = $1 } END { exit falls != cuts }' "$scratch/followed"
}
follows() { # follows CUTS: the follower finds the device by itself
    for _ in $(seq 75); do
        falls "$1" && break
        sleep 0.2
    done
}

# A power cut takes all of it away but the record, where the device has a medium. It goes when it is cleared, and then for good.
"$tutti" restart "$name" || complain "its power was not cut"
if [ $kind = band ]; then
    cuts=1
    await 15 device '"boot": 2, "restarts": 0, "mode": "normal", "crashes": 0'
else
    cuts=2
    await 15 device '"boot": 2, "starts": 5, "restarts": 0, "mode": "normal", "crashes": 1'
    expect 0 "watchdog: loop silent for " crash "$name" --clear
    follows 1
    "$tutti" restart "$name" || complain "its power was not cut again"
    await 15 device '"boot": 3, "starts": 6, "restarts": 0, "mode": "normal", "crashes": 0'
    expect 1 "no crash is recorded" crash "$name"
fi

# So does one that is cleared in safe mode, where the store is closed otherwise.
resets=4 safe=1
if [ $kind = watch ] || [ $kind = linux ]; then
    follows $cuts
    cuts=3 resets=7 safe=2
    for end in 1 2 3; do
        expect 0 "2.04 Changed" post "$name/test/check"
        await 15 device "\"restarts\": $end, \"mode\": \"$([ $end -lt 3 ] && echo normal || echo safe)\", \"crashes\": $end"
    done
    expect 0 "check failed: tests/crash/crasher.c:" crash "$name" --clear
    "$tutti" restart "$name" || complain "its power was not cut in safe mode"
    await 15 device '"boot": 4, "starts": 9, "restarts": 0, "mode": "normal", "crashes": 0'
fi
follows $cuts
kill -INT "$follower"
wait "$follower" || complain "an interrupted follower failed"
grep -q "tutti dump: check failed" "$scratch/followed" || complain "following missed the end: $(cat "$scratch/followed")"
falls $cuts || complain "following lost the order: $(cat "$scratch/followed")"
# Each of the starts is told once.
[ "$(grep -c "^$kind-1 *$name *\[" "$scratch/up")" -eq $((1 + resets + cuts)) ] || complain "starts are not told once each: $(cat "$scratch/up")"
[ "$(grep -c "is in safe mode" "$scratch/up")" -eq $safe ] || complain "safe mode is not told $safe times: $(cat "$scratch/up")"
[ "$failed" -eq 0 ] && echo "the end of $kind: all as it should be"
exit "$failed"
