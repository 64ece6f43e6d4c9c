#!/bin/sh
# What goes wrong at a watch: damaged plans, wrong questions, a power cut in the middle of a transfer.
# Runs on the plan that test_demo left. `inside` is what runs in the fleet.
set -u
out=$TUTTI_BUILD/test-demo
work=$TUTTI_BUILD/test-faults
tutti=$TUTTI_LINUX/cli/tutti
model=kind:watch/ai/models/fashion
failed=0

# expect STATUS TEXT WORD...: what tutti must say and return.
expect() {
    status=$1 text=$2
    shift 2
    timeout 60 "$tutti" "$@" >"$work/said" 2>&1 </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || { [ -n "$text" ] && ! grep -qF -- "$text" "$work/said"; }; then
        echo "tutti $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' "$work/said"
        failed=$((failed + 1))
    fi
}

in_place() { # the model that the watch holds, by its checksum
    "$tutti" get --net "$work/fleet" $model | sed 's/.*"crc": \([0-9]*\).*/\1/'
}

coap() { # as nobody, where this test runs as root
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups timeout 60 coap-client-notls "$@"
    else
        timeout 60 coap-client-notls "$@"
    fi
}

# A plan put in blocks, and an observation that sees it come and go.
strangers() {
    at=coap://127.0.0.1:$FORWARDED
    coap -m get "$at/device" | grep -qa watch || { echo "no watch behind the forward"; failed=$((failed + 1)); }
    coap -m get -s 8 "$at/ai/models" >"$work/notified" &
    stranger=$!
    sleep 1
    readable=$(mktemp -d) # by the ordinary user; libcoap's client takes 20,000 bytes from a pipe
    cp "$out/fashion.plan" "$readable"
    chmod -R a+rX "$readable"
    coap -m put -t 42 -b 512 -f "$readable/fashion.plan" "$at/ai/models/strange" >"$work/said" 2>&1
    rm -rf "$readable"
    expect 0 "strange" get --net "$work/fleet" kind:watch/ai/models
    coap -m delete "$at/ai/models/strange" >"$work/said" 2>&1
    expect 1 "4.04 Not Found" get --net "$work/fleet" kind:watch/ai/models/strange
    wait "$stranger"
    [ "$(grep -ao strange "$work/notified" | wc -l)" -ge 1 ] ||
        { echo "observed over the forward:"; cat -v "$work/notified"; failed=$((failed + 1)); }
}

inside() {
    net="--net $work/fleet"
    # shellcheck disable=SC2086 # two words
    {
        expect 0 "2.01 Created" put $net $model "$out/fashion.plan"
        before=$(in_place)
        for way in cut bit version large; do
            "$TUTTI_LINUX/tests/demo/demo_damage" $way "$out/fashion.plan" "$work/$way.plan"
        done
        expect 1 "plan refused: " put $net $model "$work/cut.plan"
        expect 1 "plan refused: " put $net $model "$work/bit.plan"
        expect 1 "plan refused: " put $net $model "$work/version.plan"
        expect 1 "4.13 Request Entity Too Large" put $net $model "$work/large.plan"
        after=$(in_place)
        { [ -n "$before" ] && [ "$before" = "$after" ]; } ||
            { echo "the model in place did not stay: $before, then $after"; failed=$((failed + 1)); }
        head -c 783 /dev/zero >"$work/small"
        expect 1 "the input has 783 bytes, the model expects 784" post $net $model "$work/small"
        expect 1 "4.00 Bad Request" post $net $model "$work/small"
        expect 1 "4.04 Not Found" get $net kind:watch/no/such/path
        expect 1 "4.04 Not Found" get $net kind:watch/ai/models/other
        expect 1 "4.05 Method Not Allowed" post $net kind:watch/.well-known/core --text x
        # The commands of docs/cli.md.
        expect 0 "/ai/models" ls # in the fleet that $TUTTI_NET names
        expect 0 "</ai/models>" get $net kind:watch/.well-known/core
        head -c 784 /dev/zero >"$work/image"
        expect 0 "" post $net $model "$work/image"
        [ "$(wc -c <"$work/said")" -eq 10 ] || { echo "the logits are not 10 bytes"; failed=$((failed + 1)); }
        expect 0 "fashion" observe $net --count 1 kind:watch/ai/models
        timeout 60 "$tutti" observe $net --count 2 kind:watch/ai/models >"$work/observed" 2>&1 &
        observer=$!
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            grep -q fashion "$work/observed" && break
            sleep 0.5
        done
        expect 0 "2.02 Deleted" delete $net $model
        wait "$observer" || { echo "an observer did not see the model go:"; cat "$work/observed"; failed=$((failed + 1)); }
        expect 1 "4.04 Not Found" get $net $model
        # The same by a stock client over the forward, as an ordinary user.
        command -v coap-client-notls >/dev/null && strangers
    }
    # One weight changed, the checksum right: the plan is taken, and the count of equal tensors falls.
    "$TUTTI_LINUX/tests/demo/demo_damage" weight "$out/fashion.plan" "$work/fashion.plan"
    cp "$out/reference.bin" "$work/reference.bin"
    "$TUTTI_LINUX/examples/demo/tutti-demo" "$work" 50 2 >"$work/said" 2>&1 &&
        { echo "a changed weight went unnoticed"; failed=$((failed + 1)); }
    grep -q "output tensors of the watch differ from the reference" "$work/said" ||
        { cat "$work/said"; failed=$((failed + 1)); }
    "$TUTTI_LINUX/tests/demo/demo_kill_midway" "$work/fleet" "$out/fashion.plan" "$out/reference.bin" ||
        failed=$((failed + 1))
    expect 0 "" kill tv-1 # in this fleet, by $TUTTI_NET
    expect 1 "this fleet has no device named nobody" kill nobody
    exit "$failed"
}

[ "${1:-}" != inside ] || inside
[ -f "$out/fashion.plan" ] || { echo "skipped: test_demo has left no plan"; exit 77; }
rm -rf "$work"
mkdir -p "$work"
printf 'watch 1\ntv 1\n' >"$work/fleet.txt"
FORWARDED=$((12000 + $$ % 8000))
export FORWARDED
exec "$tutti" up "$work/fleet.txt" --dir "$work/fleet" --capture "$work/fleet.pcap" --forward "watch-1:$FORWARDED" --run "'$0' inside"
